// The extension unit of discovery. A provider is a folder: the schema of its options, reference text, whose words it
// brings, and a `create` that returns a source which publishes routing configurations for as long as it runs.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Words } from '../../model/stored-form.ts';
import type { KnownPlugins } from '../../schema/decode-context.ts';
import type { Schema } from '../../schema/schema.ts';
import type { Substitutions } from '../../schema/substitution.ts';
import type { ConfigDocument } from '../config/document/document.ts';
import type { RoutingPatch } from '../config/routing/patch-routing.ts';
import { decodeRouting, type Allowances, type RoutingConfig } from '../config/routing/routing-config.ts';

/**
 * Takes everything that the provider has, which replaces what it had before, or a patch of that: a patch costs what it
 * changes, and can only follow something.
 */
export type Publish = (change: RoutingConfig | RoutingPatch) => void;
/** Of a provider that reads everything anew each time. */
export type PublishAll = (config: RoutingConfig) => void;

export interface Provider {
  /** Part behind the `@` of its objects' names. */
  readonly name: string;
  /**
   * Publishes what is there, which says that it is ready, then what changes, or everything anew; settles when the
   * signal is aborted and everything it holds is let go. Bad input is a configuration with diagnostics: it rejects only
   * for what it cannot go on after, which is logged and ends no other.
   */
  run(publish: Publish, signal: AbortSignal): Promise<void>;
  /** Reads everything anew, also what has not been seen to change; for sources that can be asked. */
  readAgain?(): Promise<void>;
  /** What has become of what it published, for those that tell their source; called after every change. */
  report?(view: ProviderView): void;
  /** Everything that it sees now, and what has become of each; for people who ask why something is not served. */
  discovered?(): readonly Discovered[];
}

/** One thing that a source has: a container, a task, an instance of a catalog. */
export interface Discovered {
  /** As the source knows it. */
  readonly id: string;
  /** As people name it: `container web-1`. */
  readonly place: string;
  readonly state: 'ready' | 'draining' | 'unavailable';
  /** What it defines, without the provider: `router shop`, `service shop`. */
  readonly objects: readonly string[];
  /** Why it, or something of it, is not served; empty where all of it is. */
  readonly leftOut: readonly string[];
}

export interface ProviderView {
  /** Of the snapshot in force. */
  readonly version: number;
  /** Its objects that are disabled, `router shop` with the reasons. */
  readonly disabled: ReadonlyMap<string, readonly string[]>;
}

/**
 * All that a provider gets of the process. Substitutions, plugins and files are behind `decode`, which gives no more of
 * them than the `words` of its definition allow: no provider has to see to that itself.
 */
export interface ProviderContext {
  readonly log: Log;
  readonly clock: Clock;
  /** `providers.keepLastGood` as it was at the start. */
  readonly keepLastGood: boolean;
  readonly decode: DecodeDocument;
  readonly source: SourceReport;
}

/**
 * What a provider tells of its source while it runs. What it has published stays in force meanwhile; who looks is told
 * how old that is.
 */
export interface SourceReport {
  /** It has said everything that there is. */
  reached(): void;
  /** It cannot be reached, or says nothing that can be read: why, for people and without secrets. */
  away(reason: string): void;
}

/** Where nobody asks. */
export const UNTOLD: SourceReport = { reached: () => {}, away: () => {} };

/** Decodes a document of the provider; values are taken over from `previous` where their text is the same. */
export type DecodeDocument = (document: ConfigDocument, previous?: RoutingConfig) => RoutingConfig;

export interface ProviderDefinition<Options extends object = object> {
  /** Key below `providers` in the install configuration, and part behind the `@` of its objects' names. */
  readonly kind: string;
  /** One sentence for the reference page, and for the option. */
  readonly summary: string;
  /** When to use it and what to know, Markdown; shown under the summary. */
  readonly description: string;
  readonly options: Schema<Options>;
  /**
   * Whose words it brings. The operator's may substitute variables and files, and name files; those of tenants, who are
   * others than those that run the process, are plain text. Both may name plugins, which the install configuration
   * alone has loaded.
   */
  readonly words: Words;
  /** What its options let a tenant's words do beyond plain text. */
  allowances?(options: Options): Allowances;
  /** Left out by one that has no source of its own: its configuration is sent to the API. */
  create?(options: Options, context: ProviderContext): Provider;
}

/** Ties `create` to the type of the options schema. */
export function defineProvider<Options extends object>(
  definition: ProviderDefinition<Options>,
): ProviderDefinition<Options> {
  return definition;
}

/** A provider that the install configuration switches on. */
export interface ConfiguredProvider {
  readonly definition: ProviderDefinition;
  /** As its schema has decoded them. */
  readonly options: object;
}

/** The options of a provider; null when it is off. */
export function optionsOf<Options extends object>(
  definition: ProviderDefinition<Options>,
  configured: readonly ConfiguredProvider[],
): Options | null {
  const found = configured.find((one) => one.definition.kind === definition.kind);
  return found === undefined ? null : (found.options as Options); // Its own schema has decoded them.
}

/** Decodes what a provider brings, as its words are: the only place that hands substitutions out. */
export function decoderOf(
  { kind, words }: Pick<ProviderDefinition, 'kind' | 'words'>,
  substitutions: Substitutions,
  plugins: KnownPlugins,
  allowances?: Allowances,
): DecodeDocument {
  const allowed = words === 'operator' ? { substitutions, plugins } : { plugins, allowances };
  return (document, previous) => decodeRouting(kind, document, { previous, ...allowed });
}
