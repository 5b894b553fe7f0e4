// `signalbox completion SHELL`: scripts made from the table of commands.

import { SignalboxError } from '../../core/errors.ts';
import type { Arguments } from '../arguments.ts';
import type { Command } from '../command.ts';
import { EXIT_OK, type Io } from '../io.ts';

type Script = (commands: readonly Command[]) => string;

const namesOf = (commands: readonly Command[]): string => [...commands.map(({ name }) => name), 'help'].join(' ');
const wordsOf = ({ flags, words = [] }: Command): string =>
  [...words, ...Object.keys(flags).map((flag) => `--${flag}`)].join(' ');

const SHELLS: Readonly<Record<string, Script>> = {
  bash: (commands) => `_signalbox() {
  local current="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${namesOf(commands)}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${commands.map((command) => `    ${command.name}) COMPREPLY=($(compgen -f -W "${wordsOf(command)}" -- "$current")) ;;\n`).join('')}  esac
}
complete -o filenames -F _signalbox signalbox
`,
  zsh: (commands) => `#compdef signalbox
_signalbox() {
  if (( CURRENT == 2 )); then
    compadd ${namesOf(commands)}
    return
  fi
  case "\${words[2]}" in
${commands.map((command) => `    ${command.name}) compadd -- ${wordsOf(command)}; _files ;;\n`).join('')}  esac
}
compdef _signalbox signalbox
`,
  fish: (commands) =>
    [
      ...commands.map(
        ({ name, summary }) =>
          `complete -c signalbox -n __fish_use_subcommand -f -a ${name} -d '${summary.replaceAll("'", "\\'")}'\n`,
      ),
      ...commands.flatMap(({ name, flags, words = [] }) => [
        ...words.map((word) => `complete -c signalbox -n '__fish_seen_subcommand_from ${name}' -a ${word}\n`),
        ...Object.keys(flags).map(
          (flag) => `complete -c signalbox -n '__fish_seen_subcommand_from ${name}' -l ${flag}\n`,
        ),
      ]),
    ].join(''),
};

export function completion(args: Arguments, io: Io, commands: readonly Command[]): Promise<number> {
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
  io.out(script(commands));
  return Promise.resolve(EXIT_OK);
}
