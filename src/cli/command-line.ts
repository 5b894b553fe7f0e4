// The command line: which command, with what. Commands are loaded when they are run.

import { parseArgs } from 'node:util';
import { didYouMean } from '../core/did-you-mean.ts';
import { EXIT_OK, EXIT_USAGE, type Io } from './io.ts';

const HELP = `signalbox: a router for services that come and go

  signalbox run --config FILE [--workers N]   run the router; N worker threads, one per core by default
  signalbox demo [--workers N]                three origins behind a router on this machine, to play with
  signalbox check FILE…                       say everything that is wrong with configuration files
  signalbox version                           print the version
  signalbox help                              print this

While it runs: SIGTERM or Ctrl-C ends it gracefully, a second one at once; SIGHUP reads the configuration again; SIGUSR1
reopens the log files; SIGUSR2 logs the memory of the workers.
Exit codes: 0 all well, 1 check found errors or the router broke down, 2 wrong command line or install configuration.
`;

const COMMANDS = ['run', 'demo', 'check', 'version', 'help'];
/** Looked for when --config is not given. */
const DEFAULT_FILES = ['signalbox.yml', 'signalbox.yaml', 'signalbox.toml'];

export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  const usage = (message: string): number => {
    io.err(`${message}\n"signalbox help" lists the commands.\n`);
    return EXIT_USAGE;
  };
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c' },
        workers: { type: 'string', short: 'w' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (error) {
    const unknown = /'(--[\w-]+)/.exec(error instanceof Error ? error.message : '')?.[1];
    const near = unknown === undefined ? null : didYouMean(unknown, ['--config', '--workers', '--help', '--version']);
    if (unknown !== undefined) return usage(`unknown flag ${unknown}${near === null ? '' : `; did you mean ${near}?`}`);
    return usage(error instanceof Error ? error.message : String(error));
  }
  const [command = parsed.values.version === true ? 'version' : 'help', ...rest] = parsed.positionals;
  if (parsed.values.help === true || command === 'help') {
    io.out(HELP);
    return EXIT_OK;
  }
  const workers = parsed.values.workers === undefined ? undefined : Number(parsed.values.workers);
  if (workers !== undefined && (!Number.isInteger(workers) || workers < 1 || workers > 128)) {
    return usage(`--workers takes a whole number from 1 to 128, found "${parsed.values.workers!}"`);
  }
  if (command !== 'check' && rest.length > 0) return usage(`${command} takes no "${rest[0]!}"`);
  switch (command) {
    case 'run': {
      const config = parsed.values.config ?? (await findConfig());
      if (config === null)
        return usage(`run: name a file with --config FILE; there is no ${DEFAULT_FILES.join(' or ')} here`);
      return (await import('./run.ts')).runRouter({ config, workers }, io);
    }
    case 'demo':
      return (await import('./demo.ts')).runDemo(workers, io);
    case 'check':
      return (await import('./check.ts')).runCheck(rest, io);
    case 'version':
      io.out(`signalbox ${(await import('../app/version.ts')).VERSION} on Node ${process.versions.node}\n`);
      return EXIT_OK;
    default: {
      const near = didYouMean(command, COMMANDS);
      return usage(`unknown command "${command}"${near === null ? '' : `; did you mean "${near}"?`}`);
    }
  }
}

async function findConfig(): Promise<string | null> {
  const { access } = await import('node:fs/promises');
  for (const name of DEFAULT_FILES) {
    const exists = await access(name).then(
      () => true,
      () => false,
    );
    if (exists) return name;
  }
  return null;
}
