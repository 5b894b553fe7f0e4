#!/usr/bin/env node
// Hands the command line to cli/.

// Before anything else: without a listener, SIGUSR1 makes Node open its inspector.
process.on('SIGUSR1', () => {});

// A router that is told to end before it has begun has nothing to finish, and ends as every router does: well. The
// command puts its own listeners in the place of these. Nothing is imported before: modules are loaded first.
const [, , command = ''] = process.argv;
if (['run', 'demo', 'proxy', 'signalbox', 'traefik'].includes(command) || command.startsWith('--')) {
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => process.exit(0));
  for (const name of ['SIGHUP', 'SIGUSR2'] as const) process.on(name, () => {});
}

const { runCommandLine } = await import('./cli/command-line.ts');
const { flushTerminal, TERMINAL } = await import('./cli/io.ts');

const code = await runCommandLine(process.argv.slice(2), TERMINAL);
await flushTerminal();
process.exit(code);
