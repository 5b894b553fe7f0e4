// The command line: which command, with what.

import { didYouMean } from '../core/did-you-mean.ts';
import { SignalboxError } from '../core/errors.ts';
import { parseArguments, type FlagSpec } from './arguments.ts';
import { COMPLETE, type Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { commandHelp, helpText } from './help.ts';
import { EXIT_OK, EXIT_UNREACHABLE, EXIT_USAGE, type Io } from './io.ts';

/** Words of other programs, and what they are here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  start: 'write "signalbox run"',
  serve: 'write "signalbox run"',
  server: 'write "signalbox run"',
  up: 'write "signalbox run"',
  'reverse-proxy': 'write "signalbox proxy"',
  reload: 'a running router follows its files by itself; SIGHUP makes it read all of them again',
  restart: '"signalbox run --takeover" replaces a running router without a request lost',
  stop: 'SIGTERM, or Ctrl-C where it runs, ends a router in order',
  validate: 'write "signalbox check"',
  test: 'write "signalbox check"',
  lint: 'write "signalbox check"',
  adapt: '"signalbox check FILE" recognises files of other programs',
  status: 'write "signalbox get", or "signalbox healthcheck"',
  list: 'write "signalbox get"',
  'list-routes': 'write "signalbox get routers"',
  plan: 'write "signalbox diff"',
  undo: 'write "signalbox rollback"',
};

const OWN_NAMES: ReadonlySet<string> = new Set(['signalbox', 'traefik']);

const HELP: FlagSpec = { value: null, short: 'h', doc: 'Show this.' };

export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  const usage = (message: string, command: string): number => {
    if (isJsonWanted(argv)) sayError(io, argv[0], 'ERR_CLI_USAGE', message);
    else io.err(`${message}\n"signalbox help${command}" shows how.\n`);
    return EXIT_USAGE;
  };
  // An image whose first argument is the program's name runs that program: so it is written in many a compose file.
  if (OWN_NAMES.has(argv[0] ?? '')) return runCommandLine(argv.length > 1 ? argv.slice(1) : ['run'], io);
  const [first = 'help', ...rest] = argv;
  if (first === '--version' || first === '-v') return runCommandLine(['version', ...rest], io);
  if (first === 'help' || first === '--help' || first === '-h') return showHelp(rest, io);
  if (first === COMPLETE) return (await import('./completion/complete.ts')).complete(rest, io, COMMANDS);
  const command = COMMANDS.find(({ name }) => name === first);
  if (command === undefined) {
    // As Traefik is started: options alone.
    if (first.startsWith('--')) return runCommandLine(['run', ...argv], io);
    return usage(unknownCommand(first), '');
  }
  const args = parseArguments(rest, { ...command.flags, help: HELP }, command.takesOptions);
  if (typeof args === 'string') return usage(`${command.name}: ${args}`, ` ${command.name}`);
  if (args.flags.has('help')) return showHelp([command.name], io);
  const given = args.positionals.length;
  if (given > command.maxPositionals) {
    const extra = args.positionals[command.maxPositionals]!;
    // A file is named by a flag where a command also takes options.
    const isFile = 'config' in command.flags && !args.flags.has('config') && looksLikeFile(extra);
    const instead = isFile ? `; write "signalbox ${command.name} --config ${extra}"` : '';
    return usage(`${command.name} takes no "${extra}"${instead}`, ` ${command.name}`);
  }
  if (given < command.minPositionals) {
    return usage(`${command.name} needs ${command.usage.split(' ')[given]!}`, ` ${command.name}`);
  }
  try {
    return await command.run(args, io);
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    if (args.flags.has('json')) sayError(io, command.name, error.code, error.message);
    // What was typed wrong needs no code to look up.
    else io.err(error.code === 'ERR_CLI_USAGE' ? `${error.message}\n` : `${error.code}: ${error.message}\n`);
    return error.code === 'ERR_ADMIN_UNREACHABLE' ? EXIT_UNREACHABLE : EXIT_USAGE;
  }
}

/** Who reads JSON reads errors so too: where the answer would be, but of a router in the foreground, that has none. */
function sayError(io: Io, command: string | undefined, code: string, message: string): void {
  const text = `${JSON.stringify({ error: { code, message } })}\n`;
  if (command === 'run') io.err(text);
  else io.out(text);
}

/** Of a command line that could not be taken apart. */
function isJsonWanted(argv: readonly string[]): boolean {
  return argv.includes('--json');
}

function unknownCommand(word: string): string {
  const instead = Object.hasOwn(ELSEWHERE, word) ? ELSEWHERE[word] : undefined;
  if (instead !== undefined) return `there is no command "${word}"; ${instead}`;
  const near = didYouMean(word, ['help', ...COMMANDS.map(({ name }) => name)]);
  return `unknown command "${word}"${near === null ? '' : `; did you mean "${near}"?`}`;
}

function looksLikeFile(word: string): boolean {
  return /[./]/.test(word) || /^Caddyfile$/i.test(word);
}

function showHelp([name]: readonly string[], io: Io): number {
  const command: Command | undefined = COMMANDS.find((one) => one.name === name);
  if (command === undefined && name !== undefined && name !== 'help' && !name.startsWith('-')) {
    io.err(`${unknownCommand(name)}\n"signalbox help" lists them all.\n`);
    return EXIT_USAGE;
  }
  io.out(command === undefined ? helpText(COMMANDS) : commandHelp(command));
  return EXIT_OK;
}
