// The command line: which command, with what.

import { didYouMean } from '../core/did-you-mean.ts';
import { SignalboxError } from '../core/errors.ts';
import { parseArguments, type FlagSpec } from './arguments.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { commandHelp, helpText } from './help.ts';
import { EXIT_OK, EXIT_UNREACHABLE, EXIT_USAGE, type Io } from './io.ts';

const HELP: FlagSpec = { value: null, short: 'h', doc: 'Show this.' };

export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  const usage = (message: string, command: string): number => {
    io.err(`${message}\n"signalbox help${command}" shows how.\n`);
    return EXIT_USAGE;
  };
  const [first = 'help', ...rest] = argv;
  if (first === '--version' || first === '-v') return runCommandLine(['version', ...rest], io);
  if (first === 'help' || first === '--help' || first === '-h') return showHelp(rest, io);
  const command = COMMANDS.find(({ name }) => name === first);
  if (command === undefined) {
    // As Traefik is started: options alone.
    if (first.startsWith('--')) return runCommandLine(['run', ...argv], io);
    const near = didYouMean(first, ['help', ...COMMANDS.map(({ name }) => name)]);
    return usage(`unknown command "${first}"${near === null ? '' : `; did you mean "${near}"?`}`, '');
  }
  const args = parseArguments(rest, { ...command.flags, help: HELP }, command.takesOptions);
  if (typeof args === 'string') return usage(`${command.name}: ${args}`, ` ${command.name}`);
  if (args.flags.has('help')) return showHelp([command.name], io);
  const given = args.positionals.length;
  if (given > command.maxPositionals) {
    return usage(`${command.name} takes no "${args.positionals[command.maxPositionals]!}"`, ` ${command.name}`);
  }
  if (given < command.minPositionals) {
    return usage(`${command.name} needs ${command.usage.split(' ')[given]!}`, ` ${command.name}`);
  }
  try {
    return await command.run(args, io);
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    // What was typed wrong needs no code to look up.
    io.err(error.code === 'ERR_CLI_USAGE' ? `${error.message}\n` : `${error.code}: ${error.message}\n`);
    return error.code === 'ERR_ADMIN_UNREACHABLE' ? EXIT_UNREACHABLE : EXIT_USAGE;
  }
}

function showHelp([name]: readonly string[], io: Io): number {
  const command: Command | undefined = COMMANDS.find((one) => one.name === name);
  io.out(command === undefined ? helpText(COMMANDS) : commandHelp(command));
  return EXIT_OK;
}
