# Completion of workerctl for bash. For this shell:  eval "$(workerctl completion bash)"
# For all of a user:  workerctl completion bash >~/.local/share/bash-completion/completions/workerctl

_workerctl() {
  local -a words lines
  local word line value part character breaks='' IFS=$' \t\n'
  line=${COMP_LINE:0:COMP_POINT}
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  word=${words[${#words[@]} - 1]}

  # Of a word with these characters bash replaces only what is behind the last of them. (It replaces a @, too.)
  for character in '=' ':'; do
    [[ $COMP_WORDBREAKS == *"$character"* && $word == *"$character"* ]] || continue
    part=${word%"${word##*"$character"}"}
    ((${#part} <= ${#breaks})) || breaks=$part
  done

  COMPREPLY=()
  # The one of the PATH, and not the file that was typed: Tab must run no other program.
  mapfile -t lines < <(command workerctl complete -- "${words[@]:1}" 2>/dev/null)
  for line in "${lines[@]}"; do
    value=${line%%$'\t'*}
    case $value in
      :files | :directories)
        part=file
        [[ $value == :files ]] || part=directory
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -A "$part" -- "${word#"$breaks"}")
        ;;
      *) COMPREPLY+=("${value#"$breaks"}") ;;
    esac
  done
}

complete -F _workerctl workerctl
