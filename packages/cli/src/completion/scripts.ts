/** What each shell is given: it asks `fastvm __complete` for the words that may stand at the cursor. */

export const COMPLETION_SCRIPTS = {
  bash: `_fastvm() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(fastvm __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _fastvm fastvm
`,
  // Sourced, or as the file _fastvm in a folder of fpath, which zsh runs at the first completion.
  zsh: `#compdef fastvm
(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit -u; }
_fastvm() {
  local -a candidates
  candidates=(\${(f)"$(fastvm __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#candidates} )); then compadd -a candidates; else _files; fi
}
if [[ \${funcstack[1]-} == _fastvm ]]; then _fastvm "$@"; else compdef _fastvm fastvm; fi
`,
  fish: `complete -c fastvm -a '(fastvm __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
} as const;

export type Shell = keyof typeof COMPLETION_SCRIPTS;

export const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];
