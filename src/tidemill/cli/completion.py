"""`tidemill completion`: what a shell needs to complete command lines; it asks `tidemill` itself."""

from cyclopts import App

app = App(
    name="completion",
    help="""Print what a shell needs to complete commands, options, projects, users and run numbers.

    bash: tidemill completion bash > ~/.local/share/bash-completion/completions/tidemill

    zsh: tidemill completion zsh > ~/.zfunc/_tidemill   (with fpath+=~/.zfunc before compinit in ~/.zshrc)

    fish: tidemill completion fish > ~/.config/fish/completions/tidemill.fish
    """,
)

_BASH = r"""# Completion of tidemill for bash.
_tidemill() {
    local line words
    COMPREPLY=()
    words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 0 ]] && compopt -o default 2>/dev/null
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _tidemill tidemill
"""

_ZSH = r"""#compdef tidemill
# Completion of tidemill for zsh.
_tidemill() {
    local -a found
    found=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then
        compadd -- "${found[@]}"
    else
        _files
    fi
}
if [ "$funcstack[1]" = "_tidemill" ]; then
    _tidemill "$@"
else
    compdef _tidemill tidemill
fi
"""

_FISH = r"""# Completion of tidemill for fish.
function __tidemill_complete
    set -l words (commandline -opc) (commandline -ct)
    tidemill __complete -- $words[2..-1] 2>/dev/null
end
complete -c tidemill -a '(__tidemill_complete)'
"""


@app.command
def bash() -> None:
    """Print completion for bash.

    For example: source <(tidemill completion bash)
    """
    print(_BASH, end="")


@app.command
def zsh() -> None:
    """Print completion for zsh.

    For example: source <(tidemill completion zsh)
    """
    print(_ZSH, end="")


@app.command
def fish() -> None:
    """Print completion for fish.

    For example: tidemill completion fish | source
    """
    print(_FISH, end="")
