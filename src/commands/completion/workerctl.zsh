#compdef workerctl
# Completion of workerctl for zsh. For this shell, after compinit:  eval "$(workerctl completion zsh)"
# For all of a user, into a directory of fpath:  workerctl completion zsh >~/.zfunc/_workerctl

_workerctl() {
  local -a lines candidates
  local line value
  local -a before=("${(@Q)words[2,CURRENT-1]}")
  # The one of the PATH, and not the file that was typed: Tab must run no other program.
  lines=("${(@f)$(command workerctl complete -- "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}")
  for line in "${lines[@]}"; do
    value=${line%%$'\t'*}
    case $value in
      '') ;;
      :files) compset -P '*='; _files ;;
      :directories) compset -P '*='; _files -/ ;;
      "$line") candidates+=("${value//:/\\:}") ;;
      *) candidates+=("${value//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  (( ! $#candidates )) || _describe -V workerctl candidates
}

# As a file of fpath it is the function itself; read by eval or source it registers that.
if [[ $zsh_eval_context == *loadautofunc* ]]; then _workerctl "$@"; else compdef _workerctl workerctl; fi
