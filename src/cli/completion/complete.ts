// What the word at the cursor may become: asked by the scripts of `signalbox completion` at every Tab, and so quick to
// give up. Names of routers and snapshots are asked of the router that runs, names of entry points are those of its
// file.

import { findInstallFile, readInstallFile } from '../../controlplane/config/install/install-file.ts';
import { installOptions } from '../../controlplane/config/install/install-options.ts';
import { AdminClient } from '../admin-client.ts';
import { parseArguments, type Arguments, type FlagSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { EXIT_OK, type Io } from '../io.ts';
import { optionNames } from './option-names.ts';

/** The last line where names of files fit. */
const FILES = ':files';
/** Somebody waits with a finger on the key. */
const PATIENCE_MS = 2_000;
const NO_ARGUMENTS: Arguments = { positionals: [], flags: new Map(), options: [] };

/** `words` are those behind the program's name, up to the one at the cursor, which may be empty. */
export async function complete(words: readonly string[], io: Io, commands: readonly Command[]): Promise<number> {
  const found = await candidates(joined(words), io, commands);
  io.out(found.map((one) => `${one}\n`).join(''));
  return EXIT_OK;
}

/** Bash takes `--config=FILE` for three words. */
function joined(words: readonly string[]): readonly string[] {
  const result: string[] = [];
  words.forEach((word, index) => {
    const isOfValue = word === '=' && words[index - 1]?.startsWith('--') === true;
    if (isOfValue && index === words.length - 1) result.push('');
    else if (!isOfValue) result.push(word);
  });
  return result;
}

async function candidates(words: readonly string[], io: Io, commands: readonly Command[]): Promise<readonly string[]> {
  const current = words.at(-1) ?? '';
  const [name, ...before] = words.slice(0, -1);
  const beginning = (all: readonly string[]): readonly string[] => all.filter((one) => one.startsWith(current));
  const names = commands.map((command) => command.name);
  if (name === undefined && !current.startsWith('-')) return beginning([...names, 'help']);
  if (name === 'help') return before.length === 0 ? beginning(names) : [];
  // Options alone run the router.
  const isRun = name === undefined || name.startsWith('--');
  const command = commands.find((one) => one.name === (isRun ? 'run' : name));
  if (command === undefined) return [];
  const earlier = isRun && name !== undefined ? [name, ...before] : before;
  const flag = flagOf(command, earlier.at(-1));
  if (flag !== null) return flag === 'FILE' ? [FILES] : [];
  if (current.startsWith('-')) return flagNames(command, current, earlier, io);
  const parsed = parseArguments(earlier, command.flags, command.takesOptions);
  const args = typeof parsed === 'string' ? NO_ARGUMENTS : parsed;
  return positionals(command, args, io, beginning);
}

/** What the value is of that the word before wants; null where it wants none. */
function flagOf({ flags }: Command, word: string | undefined): string | null {
  if (word?.startsWith('-') !== true) return null;
  const name = word.replace(/^--?/, '');
  const found = Object.entries(flags).find(
    ([key, { short, alias }]: [string, FlagSpec]) => key === name || short === name || alias === name,
  );
  return found?.[1].value ?? null;
}

async function flagNames(
  { flags, takesOptions }: Command,
  current: string,
  earlier: readonly string[],
  io: Io,
): Promise<readonly string[]> {
  const own = [...Object.keys(flags), 'help'].map((flag) => `--${flag}`).filter((flag) => flag.startsWith(current));
  if (!takesOptions || !/^-$|^--/.test(current) || current.includes('=')) return own;
  const given = current.replace(/^--?/, '');
  const written = given.includes('.') ? await writtenConfig(earlier, io) : {};
  return [...own, ...optionNames(installOptions, given, written).map((option) => `--${option}`)];
}

/** The install configuration as its file has it; nothing where there is none that can be read. */
async function writtenConfig(earlier: readonly string[], io: Io): Promise<unknown> {
  const index = earlier.findIndex((word) => word === '--config' || word === '-c');
  const path = (index < 0 ? null : earlier[index + 1]) ?? (await findInstallFile(io.environment));
  return path === null ? {} : (await readInstallFile(path)).value;
}

async function positionals(
  command: Command,
  args: Arguments,
  io: Io,
  beginning: (all: readonly string[]) => readonly string[],
): Promise<readonly string[]> {
  const { length } = args.positionals;
  if (length >= command.maxPositionals) return [];
  if (length === 0 && command.words !== undefined) return beginning(command.words);
  if (command.name === 'get') return beginning(await living(() => objectNames(args, io)));
  if (command.name === 'rollback') return beginning(await living(() => versions(args, io)));
  return command.usage.includes('FILE') ? [FILES] : [];
}

/** Where no router answers, there is nothing to offer. */
async function living(ask: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await ask();
  } catch {
    return [];
  }
}

/** Without the provider where one object has the name: `@` ends a word in Bash. */
async function objectNames(args: Arguments, io: Io): Promise<readonly string[]> {
  const { kindNamed, KINDS } = await import('../commands/get.ts');
  const kind = kindNamed(args.positionals[0]!);
  if (!Object.hasOwn(KINDS, kind)) return [];
  const client = await AdminClient.find(args, io);
  const rows = await client.list(KINDS[kind as keyof typeof KINDS].path, new URLSearchParams(), PATIENCE_MS); // One of its keys.
  const names = rows.map((row) => String(row['name']));
  const counts = new Map<string, number>();
  for (const name of names) counts.set(plain(name), (counts.get(plain(name)) ?? 0) + 1);
  return names.map((name) => (counts.get(plain(name)) === 1 ? plain(name) : name));
}

function plain(name: string): string {
  return name.split('@')[0]!;
}

async function versions(args: Arguments, io: Io): Promise<readonly string[]> {
  const client = await AdminClient.find(args, io);
  const { snapshots } = await client.json<{ snapshots: readonly { version: number }[] }>(
    'GET',
    '/api/snapshots',
    undefined,
    PATIENCE_MS,
  );
  return snapshots.map(({ version }) => String(version));
}
