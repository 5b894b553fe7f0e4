// `signalbox completion SHELL`: scripts that ask the program what the word at the cursor may become, at every Tab; so
// they know what this version knows, and what the running router has.

import { SignalboxError } from '../../core/errors.ts';
import type { Arguments } from '../arguments.ts';
import { COMPLETE } from '../command.ts';
import { EXIT_OK, type Io } from '../io.ts';

const SHELLS: Readonly<Record<string, string>> = {
  bash: `_signalbox() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}" last
  COMPREPLY=($("$1" ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null))
  last=$((\${#COMPREPLY[@]} - 1))
  if [ "$last" -ge 0 ] && [ "\${COMPREPLY[last]}" = :files ]; then
    unset "COMPREPLY[last]"
    compopt -o filenames 2> /dev/null
    COMPREPLY+=($(compgen -f -- "\${current#=}"))
  elif [ "$last" -eq 0 ] && [[ "\${COMPREPLY[0]}" == *[.=] ]]; then
    compopt -o nospace 2> /dev/null
  fi
}
complete -F _signalbox signalbox
`,
  zsh: `#compdef signalbox
_signalbox() {
  local -a found
  found=("\${(@f)$("\${words[1]}" ${COMPLETE} "\${(@)words[2,CURRENT]}" 2> /dev/null)}")
  if [[ "\${found[-1]}" == :files ]]; then
    found[-1]=()
    _files
  fi
  compadd -S '' -- "\${(@M)found:#*[.=]}"
  compadd -- "\${(@)found:#*[.=]}"
}
compdef _signalbox signalbox
`,
  fish: `function __signalbox_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l found ($words[1] ${COMPLETE} $words[2..-1] "$current" 2> /dev/null)
  if contains -- :files $found
    __fish_complete_path "$current"
  end
  string match -v -- :files $found
end
complete -c signalbox -f -a '(__signalbox_complete)'
`,
};

export function completion(args: Arguments, io: Io): Promise<number> {
  const [shell = ''] = args.positionals;
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (script === undefined) {
    return Promise.reject(
      new SignalboxError(
        'ERR_CLI_USAGE',
        `completion: there is none for "${shell}"; known: ${Object.keys(SHELLS).join(', ')}`,
      ),
    );
  }
  io.out(script);
  return Promise.resolve(EXIT_OK);
}
