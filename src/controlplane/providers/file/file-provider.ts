// Routing configuration from a file or a directory tree. A file that breaks keeps its last good content while every
// other change goes live; a file that is read unchanged is not decoded again. Files that options name are watched as well.

import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { decodeText } from '../../../core/decode-text.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import { isConfigFile, MAX_FILE_BYTES, parseConfig } from '../../config/document.ts';
import { mergeRouting } from '../../config/merge-routing.ts';
import { decodeRouting, type RoutingConfig } from '../../config/routing-config.ts';
import type { FileProviderConfig } from '../../config/install-config.ts';
import type { Provider, ProviderContext } from '../define.ts';
import { FileWatch } from './file-watch.ts';

const NAME = 'file';
const MAX_FILES = 10_000;

/** A file that changed less than this ago may be half written. */
const SETTLE_MS = 40;
/** Writing in place empties a file first; one that was not empty before is given more time to be filled. */
const EMPTY_SETTLE_MS = 1_000;
/** A file that changes all the time is read all the same after this many looks. */
const MAX_LOOKS = 20;

interface KnownFile {
  readonly text: string;
  /** Of the present text. */
  readonly config: RoutingConfig;
  /** What is served: the present text's, or the last one that parsed. */
  readonly served: RoutingConfig;
  /** It has never parsed. */
  readonly isUnread: boolean;
}

export class FileProvider implements Provider {
  readonly name = NAME;
  readonly #config: FileProviderConfig;
  readonly #context: ProviderContext;
  #files = new Map<string, KnownFile>();
  #watch: FileWatch | null = null;
  #publish: (config: RoutingConfig) => void = () => {};
  #reading: Promise<void> = Promise.resolve();
  #isStarted = false;
  /** Looks at files that were put off, by path. */
  readonly #looks = new Map<string, number>();

  constructor(config: FileProviderConfig, context: ProviderContext) {
    this.#config = config;
    this.#context = context;
  }

  async start(publish: (config: RoutingConfig) => void): Promise<void> {
    this.#publish = publish;
    if (this.#config.watch) {
      this.#watch = new FileWatch(() => {
        void this.reload();
      }, this.#context.log);
    }
    await this.reload();
    this.#isStarted = true;
  }

  /** Calls wait for each other. */
  reload(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  async stop(): Promise<void> {
    this.#watch?.stop();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const problems: Diagnostic[] = [];
    const { files, directories } = await this.#list(problems);
    const known = new Map<string, KnownFile>();
    for (const path of files) {
      const file = await this.#readFile(path, problems);
      if (file !== null) known.set(path, file);
    }
    this.#files = known;
    const named = [...known.values()].flatMap(({ config }) => [...config.filesRead]);
    await this.#watch?.follow(directories, [...files, ...named]);
    const unread = [...known].filter(([, { isUnread }]) => isUnread).map(([path]) => path);
    this.#publish({ ...mergeFiles([...known.values()], problems), unread });
  }

  async #list(problems: Diagnostic[]): Promise<{ files: string[]; directories: string[] }> {
    const { filename, directory } = this.#config;
    if (directory === undefined) {
      if (filename === undefined) {
        problems.push(problem('', 'missing-option', 'providers.file needs "filename" or "directory"'));
        return { files: [], directories: [] };
      }
      return { files: [filename], directories: [] };
    }
    const files: string[] = [];
    const directories: string[] = [];
    await this.#walk(directory, { files, directories, problems, seen: new Set() }, 0);
    return { files, directories };
  }

  async #walk(
    directory: string,
    found: { files: string[]; directories: string[]; problems: Diagnostic[]; seen: Set<string> },
    depth: number,
  ): Promise<void> {
    const { files, directories, problems, seen } = found;
    if (depth > 20 || files.length >= MAX_FILES) return;
    let names: string[];
    try {
      names = await readdir(directory);
    } catch (error) {
      const code = codeOf(error);
      problems.push(problem(directory, 'file-unreadable', `the directory cannot be read (${code})`));
      // As with files: one that is gone takes its objects with it, one that cannot be read for the moment does not.
      if (code !== 'ENOENT')
        files.push(...[...this.#files.keys()].filter((path) => path.startsWith(join(directory, sep))));
      else if (depth === 0) directories.push(await existingAncestor(directory));
      return;
    }
    directories.push(directory);
    const own = await stat(directory).catch(() => null);
    if (own !== null) seen.add(`${own.dev} ${own.ino}`);
    for (const name of names.toSorted()) {
      // Kubernetes mounts keep their real files in `..2026_…`, behind the link `..data`.
      if (name.startsWith('..')) continue;
      const path = join(directory, name);
      const info = await stat(path).catch(() => null);
      if (info === null) continue;
      const isWanted = info.isDirectory() || (info.isFile() && isConfigFile(name));
      // A symbolic link may lead back up, or to what is here already.
      const identity = `${info.dev} ${info.ino}`;
      if (!isWanted || seen.has(identity)) continue;
      seen.add(identity);
      if (info.isDirectory()) await this.#walk(path, found, depth + 1);
      else files.push(path);
    }
  }

  /** Null when there is nothing to serve of the file. */
  async #readFile(path: string, problems: Diagnostic[]): Promise<KnownFile | null> {
    const previous = this.#files.get(path) ?? null;
    let text: string;
    try {
      const before = await stat(path);
      if (before.size > MAX_FILE_BYTES) {
        problems.push(problem(path, 'file-too-large', `the file is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`));
        return previous;
      }
      if (this.#isBeingWritten(path, before, previous)) return previous;
      text = decodeText(await readFile(path));
      const after = await stat(path);
      if ((after.mtimeMs !== before.mtimeMs || after.size !== before.size) && this.#putOff(path)) return previous;
      this.#looks.delete(path);
    } catch (error) {
      const code = codeOf(error);
      // A file that is gone takes its objects with it; one that cannot be read for the moment does not.
      problems.push(problem(path, 'file-unreadable', `the file cannot be read (${code})`));
      return code === 'ENOENT' ? null : previous;
    }
    if (previous !== null && previous.text === text && previous.config.filesRead.size === 0) return previous;
    const document = parseConfig(path, text);
    const config = decodeRouting(NAME, document, {
      previous: previous?.served,
      substitutions: this.#context.substitutions,
      plugins: this.#context.plugins,
    });
    if (document.value !== undefined) return { text, config, served: config, isUnread: false };
    const served = previous?.served ?? { ...config, routers: new Map(), middlewares: new Map(), services: new Map() };
    return { text, config, served, isUnread: previous?.isUnread ?? true };
  }

  #isBeingWritten(path: string, info: Stats, previous: KnownFile | null): boolean {
    const age = this.#context.clock.wall() - info.mtimeMs;
    const settle = info.size === 0 && previous !== null && previous.text !== '' ? EMPTY_SETTLE_MS : SETTLE_MS;
    // A time far in the future is somebody's clock, not a write under way; file times are finer than ours.
    return age > -SETTLE_MS && age < settle && this.#putOff(path);
  }

  /** True when the file will be looked at again: what it held before counts until then. */
  #putOff(path: string): boolean {
    const looks = (this.#looks.get(path) ?? 0) + 1;
    if (this.#watch === null || !this.#isStarted || looks > MAX_LOOKS) return false;
    this.#looks.set(path, looks);
    this.#watch.lookAgain();
    return true;
  }
}

function problem(source: string, code: string, message: string): Diagnostic {
  return { severity: 'error', code, message, source, path: '', line: 0, column: 0 };
}

/** Where a directory that is not there yet will be noticed. */
async function existingAncestor(directory: string): Promise<string> {
  let ancestor = dirname(resolve(directory));
  while (ancestor !== dirname(ancestor) && (await stat(ancestor).catch(() => null)) === null) {
    ancestor = dirname(ancestor);
  }
  return ancestor;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** One configuration of all files; diagnostics are those of the texts as they are, also where older ones are served. */
function mergeFiles(files: readonly KnownFile[], problems: readonly Diagnostic[]): RoutingConfig {
  const merged = mergeRouting(
    NAME,
    files.map(({ served }) => ({ ...served, diagnostics: [] })),
  );
  const diagnostics: Diagnostic[] = [...problems, ...merged.diagnostics];
  for (const { config, served } of files) {
    diagnostics.push(...config.diagnostics);
    if (served !== config && served.diagnostics.length > 0) {
      diagnostics.push(...served.diagnostics.filter((diagnostic) => diagnostic.severity === 'warning'));
    }
  }
  return { ...merged, diagnostics };
}
