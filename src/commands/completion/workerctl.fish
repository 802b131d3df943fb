# Completion of workerctl for fish. For this shell:  workerctl completion fish | source
# For all of a user:  workerctl completion fish >~/.config/fish/completions/workerctl.fish

function __workerctl_complete
    set -l before (commandline -opc)
    set -l word (commandline -ct)
    # The one of the PATH, and not the file that was typed: Tab must run no other program.
    for line in (command workerctl complete -- $before[2..-1] "$word" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (string replace -r '^--[^=]*=' '' -- "$word")
            case :directories
                __fish_complete_directories (string replace -r '^--[^=]*=' '' -- "$word")
            case '*'
                echo $line
        end
    end
end

complete -c workerctl -f -k -a '(__workerctl_complete)'
