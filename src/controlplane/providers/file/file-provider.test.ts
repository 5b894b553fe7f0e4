import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock, SystemClock, type Clock } from '../../../core/clock.ts';
import { NO_PLUGINS } from '../../../schema/decode-context.ts';
import type { RoutingConfig } from '../../config/routing/routing-config.ts';
import { operatorSubstitutions } from '../../config/install/operator-substitutions.ts';
import { decoderOf, UNTOLD } from '../define.ts';
import { FileProvider, fileProvider } from './file-provider.ts';
import type { WatchSystem } from './file-watch.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

let directory = '';
let provider: FileProvider | null = null;
let ending = new AbortController();
let running: Promise<void> = Promise.resolve();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-files-'));
});

afterEach(async () => {
  ending.abort();
  await running;
  provider = null;
  await rm(directory, { recursive: true, force: true });
});

const routers = (...names: readonly string[]): string =>
  `http:\n  routers:\n${names.map((name) => `    ${name}: { rule: "Path(\`/${name}\`)", service: s }\n`).join('')}`;

const write = (name: string, text: string): Promise<void> => writeFile(join(directory, name), text);

/** Published configurations, as they come; `until` waits for one that fits. */
class Published {
  readonly all: RoutingConfig[] = [];
  readonly first: Promise<void>;
  #wake = (): void => {};

  constructor() {
    this.first = new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  readonly take = (config: RoutingConfig): void => {
    this.all.push(config);
    this.#wake();
  };

  get names(): string[] {
    return [...this.all.at(-1)!.routers.keys()].toSorted();
  }

  get said(): string[] {
    return this.all.at(-1)!.diagnostics.map(({ severity, code, source, line }) => {
      return `${severity} ${code} ${source.slice(directory.length + 1)}:${line}`;
    });
  }

  async until(...names: readonly string[]): Promise<void> {
    while (this.names.join() !== names.join()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Sees no change and has no timer go off: what is read is read by `readAgain`. */
const BLIND: WatchSystem = {
  after: () => ({ close() {} }),
  now: () => 0,
  watch: () => ({ close() {}, on: () => null as never }),
};

/** The file as it is after a write of this moment, at once. */
async function put(clock: Clock, name: string, text: string): Promise<void> {
  const [aside, at] = [join(directory, '..aside'), new Date(clock.wall())];
  await writeFile(aside, text);
  await utimes(aside, at, at);
  await rename(aside, join(directory, name));
}

async function start(
  config: { filename?: string; directory?: string },
  watch = false,
  keepLastGood = true,
  byHand?: Clock,
): Promise<Published> {
  const published = new Published();
  ending = new AbortController();
  provider = new FileProvider(
    {
      filename: config.filename === undefined ? undefined : join(directory, config.filename),
      directory: config.directory === undefined ? undefined : join(directory, config.directory),
      watch,
    },
    {
      log: SILENT,
      clock: byHand ?? new SystemClock(),
      keepLastGood,
      decode: decoderOf(fileProvider, operatorSubstitutions({}), NO_PLUGINS),
      source: UNTOLD,
    },
    byHand === undefined ? undefined : BLIND,
  );
  running = provider.run(published.take, ending.signal);
  await published.first;
  return published;
}

test('a directory is read at every depth, other files and hidden versions left alone', async () => {
  await mkdir(join(directory, 'a', 'b'), { recursive: true });
  await mkdir(join(directory, '..2026'));
  await write('one.yml', routers('one'));
  await write('a/b/two.toml', '[http.routers.two]\nrule = "Path(`/`)"\nservice = "s"\n');
  await write('a/three.json', '{"http": {"routers": {"three": {"rule": "Path(`/`)", "service": "s"}}}}');
  await write('a/notes.txt', routers('no'));
  await write('..2026/four.yml', routers('no'));
  const published = await start({ directory: '' });
  expect(published.names).toEqual(['one', 'three', 'two']);
  expect(published.said).toEqual([]);
});

test('a file that was emptied to be written anew is not taken for an empty one', async () => {
  const clock = new ManualClock();
  await put(clock, 'a.yml', routers('a'));
  const published = await start({ directory: '' }, true, true, clock);
  await put(clock, 'a.yml', '');
  await provider!.readAgain();
  clock.advance(900);
  await provider!.readAgain();
  expect(published.names).toEqual(['a']);
  await put(clock, 'a.yml', routers('b'));
  clock.advance(100);
  await provider!.readAgain();
  expect(published.names).toEqual(['b']);
  const names = published.all.map((config) => [...config.routers.keys()].join());
  expect(names).not.toContain('');
  // One that stays empty is believed in the end.
  await put(clock, 'a.yml', '');
  await provider!.readAgain();
  expect(published.names).toEqual(['b']);
  clock.advance(1_000);
  await provider!.readAgain();
  expect(published.names).toEqual([]);
});

test('a file that breaks keeps its last good content, and says where it is broken until it is mended', async () => {
  await write('a.yml', routers('a'));
  await write('b.yml', routers('b'));
  const published = await start({ directory: '' });
  await write('a.yml', 'http:\n  routers: [');
  await write('b.yml', routers('b2'));
  await provider!.readAgain();
  expect(published.names).toEqual(['a', 'b2']);
  expect(published.said).toEqual([expect.stringMatching(/^error syntax a\.yml:\d+$/) as string]);
  await provider!.readAgain();
  expect(published.said).toHaveLength(1);
  await write('a.yml', routers('a3'));
  await provider!.readAgain();
  expect(published.names).toEqual(['a3', 'b2']);
  expect(published.said).toEqual([]);
});

test('a file that was never good serves nothing and stops nothing', async () => {
  await write('a.yml', 'http: [');
  await write('b.yml', routers('b'));
  expect((await start({ directory: '' })).names).toEqual(['b']);
});

test('of one name in two files the first file’s object counts, and the second is told', async () => {
  await write('a.yml', routers('same', 'a'));
  await write('b.yml', routers('b', 'same'));
  const published = await start({ directory: '' });
  expect(published.names).toEqual(['a', 'b', 'same']);
  expect(published.all[0]!.routers.get('same')!.document.source).toBe(join(directory, 'a.yml'));
  expect(published.said).toEqual(['warning duplicate-object b.yml:4']);
});

test('a file that is gone from its directory takes its objects with it, as a directory in it does', async () => {
  await mkdir(join(directory, 'conf', 'deep'), { recursive: true });
  await write('conf/a.yml', routers('a'));
  await write('conf/b.yml', routers('b'));
  await write('conf/deep/c.yml', routers('c'));
  const published = await start({ directory: 'conf' });
  await rm(join(directory, 'conf', 'a.yml'));
  await rm(join(directory, 'conf', 'deep'), { recursive: true });
  await provider!.readAgain();
  expect(published.names).toEqual(['b']);
  expect(published.said).toEqual([]);
});

test('a root that is gone keeps what it had, with an error, until it is back', async () => {
  const clock = new ManualClock();
  const conf = join(directory, 'conf');
  const touch = (): Promise<void> => utimes(conf, new Date(clock.wall()), new Date(clock.wall()));
  await mkdir(conf);
  await put(clock, 'conf/a.yml', routers('a'));
  await put(clock, 'conf/b.yml', routers('b'));
  const published = await start({ directory: 'conf' }, true, true, clock);
  await rm(conf, { recursive: true });
  await provider!.readAgain();
  expect(published.names).toEqual(['a', 'b']);
  expect(published.said).toEqual(['error file-unreadable conf:0']);
  // As `cp -r` makes it: the directory first, then file after file.
  await mkdir(conf);
  await touch();
  await provider!.readAgain();
  expect(published.names).toEqual(['a', 'b']);
  await put(clock, 'conf/a.yml', routers('a2'));
  await touch();
  clock.advance(100);
  await provider!.readAgain();
  expect(published.names).toEqual(['a2', 'b']);
  // What is not in it in the end is gone.
  clock.advance(1_000);
  await provider!.readAgain();
  expect(published.names).toEqual(['a2']);
  expect(published.said).toEqual([]);
  expect(published.all.every((config) => config.routers.size > 0)).toBe(true);
});

test('the file that is named keeps what it had when it is gone', async () => {
  await write('routing.yml', routers('a'));
  const published = await start({ filename: 'routing.yml' });
  await rm(join(directory, 'routing.yml'));
  await provider!.readAgain();
  expect(published.names).toEqual(['a']);
  expect(published.said).toEqual(['error file-unreadable routing.yml:0']);
  await write('routing.yml', routers('b'));
  await provider!.readAgain();
  expect(published.names).toEqual(['b']);
  expect(published.said).toEqual([]);
});

test.each([{ filename: 'conf/a.yml' }, { directory: 'conf' }])(
  'unless that is how it is wanted: %j',
  async (config) => {
    await mkdir(join(directory, 'conf'));
    await write('conf/a.yml', routers('a'));
    const published = await start(config, false, false);
    await rm(join(directory, 'conf'), { recursive: true });
    await provider!.readAgain();
    expect(published.names).toEqual([]);
    expect(published.said).toHaveLength(1);
  },
);

test('a named pipe in a file’s place is an error, and nobody waits for it', async () => {
  await write('a.yml', routers('a'));
  const published = await start({ directory: '' });
  await rm(join(directory, 'a.yml'));
  execFileSync('mkfifo', [join(directory, 'a.yml'), join(directory, 'b.yml')]);
  await write('c.yml', routers('c'));
  await provider!.readAgain();
  expect(published.names).toEqual(['a', 'c']);
  expect(published.said).toEqual(['error file-unreadable a.yml:0', 'error file-unreadable b.yml:0']);
});

test('a file that could not be read is read when it can be', async () => {
  await mkdir(join(directory, 'conf'));
  await write('conf/a.yml', routers('a'));
  const published = await start({ directory: 'conf' }, true);
  // Links in a circle, even for root: there, and no change of what they lead to will tell.
  await symlink('b.yml', join(directory, 'conf', 'b.yml'));
  await provider!.readAgain();
  expect(published.said).toEqual(['error file-unreadable conf/b.yml:0']);
  await write('elsewhere.yml', routers('b'));
  await symlink('../elsewhere.yml', join(directory, 'conf', 'fresh'));
  await rename(join(directory, 'conf', 'fresh'), join(directory, 'conf', 'b.yml'));
  await published.until('a', 'b');
});

test('a change through another name of the file is seen', async () => {
  await mkdir(join(directory, 'conf'));
  await mkdir(join(directory, 'host'));
  await write('host/a.yml', routers('a'));
  await link(join(directory, 'host', 'a.yml'), join(directory, 'conf', 'a.yml'));
  const published = await start({ filename: 'conf/a.yml' }, true);
  await write('host/a.yml', routers('b'));
  await published.until('b');
});

test('what cannot be read for the moment keeps being served', async () => {
  await mkdir(join(directory, 'conf', 'deep'), { recursive: true });
  await write('conf/deep/a.yml', routers('a'));
  await write('conf/b.yml', routers('b'));
  const published = await start({ directory: 'conf' });
  // Links in a circle: there, and unreadable even for root.
  await rename(join(directory, 'conf'), join(directory, 'aside'));
  await symlink('conf', join(directory, 'conf'));
  await provider!.readAgain();
  expect(published.names).toEqual(['a', 'b']);
  expect(published.said).toContain('error file-unreadable conf:0');
});

test('one file: missing, then there', async () => {
  const published = await start({ filename: 'routing.yml' });
  expect(published.names).toEqual([]);
  expect(published.said).toEqual(['error file-unreadable routing.yml:0']);
  await write('routing.yml', routers('a'));
  await provider!.readAgain();
  expect(published.names).toEqual(['a']);
});

test('links that lead back up end', async () => {
  await write('a.yml', routers('a'));
  await symlink('.', join(directory, 'loop'));
  const published = await start({ directory: '' });
  expect(published.names).toEqual(['a']);
});

test('a watched directory that appears, goes and comes back is followed', async () => {
  const published = await start({ directory: 'not/yet' }, true);
  expect(published.names).toEqual([]);
  await mkdir(join(directory, 'not', 'yet'), { recursive: true });
  await write('not/yet/a.yml', routers('a'));
  await published.until('a');
  await rm(join(directory, 'not', 'yet'), { recursive: true });
  await mkdir(join(directory, 'not', 'yet'));
  await write('not/yet/b.yml', routers('b'));
  await published.until('b');
  await write('not/yet/b.yml', routers('b', 'c'));
  await published.until('b', 'c');
});
