#!/usr/bin/env node
// Hands the command line to cli/.

// Before anything else: without a listener, SIGUSR1 makes Node open its inspector.
process.on('SIGUSR1', () => {});

const { runCommandLine } = await import('./cli/command-line.ts');
const { TERMINAL } = await import('./cli/io.ts');

process.exit(await runCommandLine(process.argv.slice(2), TERMINAL));
