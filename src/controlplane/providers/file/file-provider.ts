// Routing configuration from a file or a directory tree. A file that breaks keeps its last good content while every
// other change goes live; a file that is read unchanged is not decoded again. Files that options name are watched as
// well. A file that vanishes from its directory takes its objects with it; the root that the configuration names is not
// meant to vanish, and keeps what it had. What could not be read is read again until it can be.

import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { SerialRunner } from '../../../core/serial.ts';
import { aborted } from '../../../core/sleep.ts';
import { NamedFileError, readNamedFile, unreadableReason } from '../../../core/named-file.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import { isConfigFile, MAX_FILE_BYTES, parseConfig } from '../../config/document/document.ts';
import { mergeRouting } from '../../config/routing/merge-routing.ts';
import type { RoutingConfig } from '../../config/routing/routing-config.ts';
import { needless, optional, withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { boolean, string } from '../../../schema/scalar.ts';
import { defineProvider, type Provider, type ProviderContext, type PublishAll } from '../define.ts';
import { FileWatch, type WatchSystem } from './file-watch.ts';
import type { DiagnosticCode } from '../../../model/diagnostic-codes.ts';

const NAME = 'file';
const MAX_FILES = 10_000;

/** A file that changed less than this ago may be half written. */
const SETTLE_MS = 40;
/** Writing in place empties a file first; one that was not empty before is given more time to be filled. */
const EMPTY_SETTLE_MS = 1_000;
/** A file that changes all the time is read all the same after this many looks. */
const MAX_LOOKS = 20;

/** Clocks of file systems are this coarse at worst: a file may have changed again without another time. */
const TIME_GRAIN_MS = 2_100;

/** A directory that was made anew is filled file by file. */
const FILL_SETTLE_MS = 1_000;

/** The system, or a file system, is in trouble: the next reading may succeed though nothing changes. */
const NEEDS_CHANGE = new Set(['ENOENT', 'ENOTDIR', 'NOT_A_FILE', 'TOO_LARGE']);

interface Listing {
  readonly files: string[];
  readonly directories: string[];
  /** Last change of one of the directories. */
  changedMs: number;
  /** What the root is, '' while it cannot be read. */
  root: string;
  hasFailed: boolean;
  /** What has been listed, by device and number. */
  readonly seen: Set<string>;
}

interface KnownFile {
  readonly text: string;
  /** What tells it from its next version; '' where that could change without another time. */
  identity: string;
  /** Of the present text. */
  readonly config: RoutingConfig;
  /** What is served: the present text's, or the last one that parsed. */
  readonly served: RoutingConfig;
  /** It has never parsed. */
  readonly isUnread: boolean;
}

export interface FileProviderOptions {
  readonly filename: string | undefined;
  readonly directory: string | undefined;
  readonly watch: boolean;
}

export const fileProvider = defineProvider({
  kind: NAME,
  summary: 'Routing configuration from files.',
  description:
    'One file, or every file of a directory, of which one with a mistake costs itself alone: what was read of it before stays in force ([what a running process follows](../operations.md#changes-without-a-restart)).',
  options: object({
    filename: optional(string(), 'One file.'),
    directory: optional(
      string(),
      'A directory: every .yml, .yaml, .toml and .json file in it and below, in the order of their names.',
    ),
    watch: withDefault(boolean(), true, 'Follow changes.'),
    debugLogGeneratedTemplate: needless(boolean(), 'Go templates are not run.'),
  }),
  words: 'operator',
  create: (options, context) => new FileProvider(options, context),
});

export class FileProvider implements Provider {
  readonly name = NAME;
  readonly #config: FileProviderOptions;
  readonly #context: ProviderContext;
  readonly #system: WatchSystem | undefined;
  #files = new Map<string, KnownFile>();
  #watch: FileWatch | null = null;
  #publish: PublishAll = () => {};
  readonly #readings: SerialRunner;
  /** By the present reading. */
  #filesRead = 0;
  /** Looks at files that were put off, by path. */
  readonly #looks = new Map<string, number>();
  /** The root that the files are from. */
  #root = '';
  /** What was published last; null while nothing is served. */
  #published: { readonly files: readonly KnownFile[]; readonly problems: string } | null = null;

  constructor(config: FileProviderOptions, context: ProviderContext, system?: WatchSystem) {
    this.#config = config;
    this.#context = context;
    this.#system = system;
    this.#readings = new SerialRunner(context.log, 'the files of the provider "file" cannot be read');
  }

  async run(publish: PublishAll, signal: AbortSignal): Promise<void> {
    this.#publish = publish;
    if (this.#config.watch) {
      const changed = (): void => void this.#readings.run(() => this.#read(false));
      this.#watch = new FileWatch(changed, this.#context.log, this.#system);
    }
    await this.readAgain();
    await aborted(signal);
    this.#watch?.stop();
    await this.#readings.settled;
  }

  /** Calls wait for each other. */
  readAgain(): Promise<void> {
    return this.#readings.run(() => this.#read(true));
  }

  /** Otherwise files are read that are not known to be the same. */
  async #read(isWhole: boolean): Promise<void> {
    const { clock, log } = this.#context;
    const begin = clock.now();
    this.#filesRead = 0;
    const problems: Diagnostic[] = [];
    const listing = await this.#list(problems);
    const { files, directories } = listing;
    this.#keepMissing(listing);
    const known = new Map<string, KnownFile>();
    for (const path of files) {
      const file = await this.#readFile(path, isWhole, problems, listing);
      if (file !== null) known.set(path, file);
    }
    this.#files = known;
    const named = [...known.values()].flatMap(({ config }) => [...config.filesRead]);
    await this.#watch?.follow(directories, [...files, ...named]);
    if (listing.hasFailed || [...known.values()].some(({ config }) => namesUnreadable(config))) this.#watch?.retry();
    else this.#watch?.succeeded();
    log.debug('configuration files looked at', {
      files: files.length,
      read: this.#filesRead,
      ms: Math.round(clock.now() - begin),
    });
    this.#publishChanged([...known.values()], problems);
  }

  #publishChanged(files: readonly KnownFile[], problems: readonly Diagnostic[]): void {
    const said = JSON.stringify(problems);
    const last = this.#published;
    const isSame = last?.problems === said && last.files.length === files.length;
    if (isSame && last.files.every((file, index) => file === files[index])) return;
    this.#published = { files, problems: said };
    const unread = [...this.#files].filter(([, { isUnread }]) => isUnread).map(([path]) => path);
    this.#publish({ ...mergeFiles(files, problems), unread });
  }

  async #list(problems: Diagnostic[]): Promise<Listing> {
    const { filename, directory } = this.#config;
    const listing: Listing = { files: [], directories: [], changedMs: 0, root: '', hasFailed: false, seen: new Set() };
    if (directory !== undefined) await this.#walk(directory, listing, problems, 0);
    else if (filename !== undefined) listing.files.push(filename);
    else problems.push(problem('', 'missing-option', 'providers.file needs "filename" or "directory"'));
    return listing;
  }

  /** A root that was made anew, as by `rm -r` and `cp -r`, has all its files only after a moment. */
  #keepMissing(listing: Listing): void {
    const { directory } = this.#config;
    if (directory === undefined) return;
    if (listing.root !== '' && listing.root !== this.#root && this.#files.size > 0) {
      const age = this.#context.clock.wall() - listing.changedMs;
      const missing = [...this.#files.keys()].filter((path) => !listing.files.includes(path));
      if (missing.length > 0 && age > -SETTLE_MS && age < FILL_SETTLE_MS && this.#putOff(directory)) {
        listing.files.push(...missing);
        listing.files.sort();
        return;
      }
    }
    if (listing.root === '') return;
    this.#looks.delete(directory);
    this.#root = listing.root;
  }

  async #walk(directory: string, listing: Listing, problems: Diagnostic[], depth: number): Promise<void> {
    const { files, directories, seen } = listing;
    if (depth > 20 || files.length >= MAX_FILES) return;
    let names: string[];
    try {
      const info = await stat(directory);
      names = await readdir(directory);
      seen.add(`${info.dev} ${info.ino}`);
      listing.changedMs = Math.max(listing.changedMs, info.mtimeMs);
      if (depth === 0) listing.root = `${info.dev} ${info.ino} ${info.birthtimeMs}`;
    } catch (error) {
      const code = codeOf(error);
      // Deeper down it has gone since its parent was read: with its objects, as files do.
      if (depth > 0 && code === 'ENOENT') return;
      const isMeant = code === 'ENOENT' && !this.#context.keepLastGood;
      const kept = isMeant ? [] : [...this.#files.keys()].filter((path) => path.startsWith(join(directory, sep)));
      const consequence = kept.length > 0 ? '; what was read of it before stays in force' : '';
      problems.push(problem(directory, 'file-unreadable', `the directory cannot be read (${code})${consequence}`));
      files.push(...kept);
      if (depth === 0) directories.push(await existingAncestor(directory));
      listing.hasFailed ||= !NEEDS_CHANGE.has(code);
      return;
    }
    directories.push(directory);
    for (const name of names.toSorted()) {
      // Kubernetes mounts keep their real files in `..2026_…`, behind the link `..data`.
      if (name.startsWith('..')) continue;
      const path = join(directory, name);
      const info = await stat(path).catch((error: unknown) => {
        // A link to nowhere is as good as gone; any other is there, and cannot be read for the moment.
        return codeOf(error) === 'ENOENT' ? null : undefined;
      });
      if (info === null || (info?.isDirectory() !== true && !isConfigFile(name))) continue;
      // A symbolic link may lead back up, or to what is here already.
      const identity = info === undefined ? path : `${info.dev} ${info.ino}`;
      if (seen.has(identity)) continue;
      seen.add(identity);
      if (info?.isDirectory() === true) await this.#walk(path, listing, problems, depth + 1);
      else files.push(path);
    }
  }

  /** Null when there is nothing to serve of the file. */
  async #readFile(path: string, isWhole: boolean, problems: Diagnostic[], listing: Listing): Promise<KnownFile | null> {
    const previous = this.#files.get(path) ?? null;
    let text: string;
    let identity: string;
    const now = this.#context.clock.wall();
    try {
      const before = await stat(path);
      if (!isWhole && previous !== null && previous.identity !== '' && previous.identity === identityOf(before))
        return previous;
      if (this.#isBeingWritten(path, before, previous)) return previous;
      this.#filesRead++;
      ({ text } = await readNamedFile(path, MAX_FILE_BYTES));
      const after = await stat(path);
      if ((after.mtimeMs !== before.mtimeMs || after.size !== before.size) && this.#putOff(path)) return previous;
      this.#looks.delete(path);
      identity = now - after.mtimeMs > TIME_GRAIN_MS ? identityOf(after) : '';
    } catch (error) {
      const code = codeOf(error);
      listing.hasFailed ||= !NEEDS_CHANGE.has(code);
      if (error instanceof NamedFileError && error.code === 'TOO_LARGE') {
        problems.push(problem(path, 'file-too-large', `the file is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`));
        return previous;
      }
      const isRoot = this.#config.directory === undefined || listing.root === '';
      // Gone since the directory was read: with its objects. One that cannot be read for the moment keeps them.
      if (code === 'ENOENT' && !isRoot) return listing.root === this.#root ? null : previous;
      // Of what vanished whole; trouble with reading is never meant.
      const kept = code === 'ENOENT' && !this.#context.keepLastGood ? null : previous;
      const consequence = kept === null ? '' : '; what was read of it before stays in force';
      const reason = `the file cannot be read (${unreadableReason(error)})${consequence}`;
      // That the root is gone has been said.
      if (this.#config.directory === undefined || listing.root !== '') {
        problems.push(problem(path, 'file-unreadable', reason));
      }
      return kept;
    }
    if (previous !== null && previous.text === text && previous.config.filesRead.size === 0) {
      previous.identity = identity;
      return previous;
    }
    const document = parseConfig(path, text);
    const config = this.#context.decode(document, previous?.served);
    // What it names may change without it.
    if (config.filesRead.size > 0) identity = '';
    if (document.value !== undefined) return { text, identity, config, served: config, isUnread: false };
    return { text, identity, config, served: previous?.served ?? config, isUnread: previous?.isUnread ?? true };
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
    if (this.#watch === null || this.#published === null || looks > MAX_LOOKS) return false;
    this.#looks.set(path, looks);
    this.#watch.lookAgain();
    return true;
  }
}

function problem(source: string, code: DiagnosticCode, message: string): Diagnostic {
  return { severity: 'error', code, message, source, path: '', line: 0, column: 0 };
}

function identityOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
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

/** A file that an option names could not be read: perhaps the next time. */
export function namesUnreadable({ diagnostics }: RoutingConfig): boolean {
  return diagnostics.some(({ code }) => code === 'file-unreadable' || code === 'substitution');
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
