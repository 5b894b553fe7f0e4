// The install configuration from everywhere it may come from: a file, environment variables and flags, each overriding
// the one before, option by option. Names of variables and flags are resolved by the schema, so that a name says the
// same in all three; what no schema knows stays in the result and gets the decoder's diagnostic, at its own origin.

import { didYouMean } from '../../../core/did-you-mean.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import type { Locate, PathSegment, Place } from '../../../schema/decode-context.ts';
import { SUCCEEDS_VARIABLE } from '../../../model/message/takeover.ts';
import { isMap } from '../../../schema/input.ts';
import type { Schema } from '../../../schema/schema.ts';
import { partsOf, REMOVED, resolveName, setAt } from '../../../schema/set-at.ts';
import type { ConfigDocument } from '../document/document.ts';
import { assumedSettings, isInternalAssumed, SURROUNDINGS } from './surroundings.ts';

/** An option of the command line; `value` is null when it stands alone. */
export interface OptionFlag {
  /** Without the dashes. */
  readonly name: string;
  readonly value: string | null;
}

export interface InstallSources {
  readonly file: ConfigDocument | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: readonly OptionFlag[];
}

/** The second is read for users of Traefik; the first wins. */
const PREFIXES = ['SIGNALBOX_', 'TRAEFIK_'] as const;
/** Where the process keeps what commands of its user reach it by; see app/process/socket-directory.ts. */
export const RUN_DIRECTORY_VARIABLE = 'SIGNALBOX_RUN_DIRECTORY';
/** Variables with the prefix that are no options. */
const RESERVED = new Set([
  'SIGNALBOX_ADMIN_URL',
  'SIGNALBOX_ADMIN_TOKEN',
  RUN_DIRECTORY_VARIABLE,
  SUCCEEDS_VARIABLE,
  ...SURROUNDINGS,
]);
/** What Kubernetes sets in every container for a service that happens to be called like this program. */
const SERVICE_LINK = /_SERVICE_(?:HOST|PORT)(?:_\w+)?$|_PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?$/;

/** Everything that is configured, and what the surroundings say where that says nothing. */
export interface InstallDocument extends ConfigDocument {
  /** Nobody has configured where the internal entry point listens: the surroundings say it. */
  readonly isInternalAssumed?: boolean;
}

interface Setting {
  readonly path: readonly PathSegment[];
  readonly value: unknown;
  readonly origin: string;
}

/** Options may have been given by the environment alone, as a container is given them. */
export function hasEnvironmentOptions(environment: InstallSources['environment']): boolean {
  return Object.keys(environment).some(
    (name) => PREFIXES.some((prefix) => name.toUpperCase().startsWith(prefix)) && !RESERVED.has(name.toUpperCase()),
  );
}

/** One document of all sources. Values keep the form of their source; the decoder takes text for every type. */
export function mergeInstallSources(sources: InstallSources, schema: Schema<unknown>): InstallDocument {
  const file = sources.file;
  const diagnostics: Diagnostic[] = [...(file?.diagnostics ?? [])];
  const base = file?.value ?? {};
  const settings = [
    ...environmentSettings(sources.environment, schema, { file, base }, diagnostics),
    ...flagSettings(sources.flags, schema),
  ];
  const document = file ?? { source: '', text: '', value: {}, diagnostics: [], locate: () => null };
  const origins = new Map<string, string>();
  let value: unknown = base;
  const set = (setting: Setting): void => {
    value = setAt(schema, setting.path, setting.value, value);
    origins.set(originKey(setting.path), setting.origin);
  };
  for (const setting of settings) set(setting);
  const assumed = assumedSettings(sources.environment, value);
  for (const setting of assumed) set(setting);
  if (origins.size === 0) return { ...document, diagnostics };
  const merged = { ...document, value, diagnostics, locate: overlay(document.locate, origins) };
  return isInternalAssumed(assumed) ? { ...merged, isInternalAssumed: true } : merged;
}

/** Where the values of a merged document come from, leaf by leaf, as `path`, `value`, `origin`. */
export function listOrigins(
  document: ConfigDocument,
): readonly { path: PathSegment[]; value: unknown; origin: string }[] {
  const found: { path: PathSegment[]; value: unknown; origin: string }[] = [];
  const walk = (value: unknown, path: PathSegment[]): void => {
    const parts = isMap(value) ? Object.entries(value) : Array.isArray(value) ? [...value.entries()] : [];
    if (parts.length > 0) {
      for (const [key, part] of parts) walk(part, [...path, key]);
      return;
    }
    const place = document.locate(path);
    const source = place?.source ?? document.source;
    found.push({
      path,
      value,
      origin: place === null || place.line === 0 ? source : `${source}:${place.line}:${place.column}`,
    });
  };
  walk(document.value, []);
  return found;
}

function originKey(path: readonly PathSegment[]): string {
  return path.map((segment) => String(segment).toLowerCase()).join('\0');
}

/** The nearest setting at or above a path tells its origin. */
function overlay(locate: Locate, origins: ReadonlyMap<string, string>): Locate {
  const overlaid = (path: readonly PathSegment[]): Place | null => {
    for (let length = path.length; length > 0; length--) {
      const source = origins.get(originKey(path.slice(0, length)));
      if (source !== undefined) return { source, line: 0, column: 0 };
    }
    const place = locate(path);
    if (place !== null && locate(path.slice(0, -1))?.line !== place.line) return place;
    // What the file does not hold, a value below it has brought.
    const key = `${originKey(path)}\0`;
    for (const [below, source] of origins) if (below.startsWith(key)) return { source, line: 0, column: 0 };
    return place;
  };
  return Object.assign(overlaid, {
    ofValue: (path: readonly PathSegment[]) => {
      const place = locate.ofValue?.(path) ?? null;
      return overlaid(path)?.source === undefined ? place : null;
    },
  });
}

function environmentSettings(
  environment: Readonly<Record<string, string | undefined>>,
  schema: Schema<unknown>,
  { file, base }: { readonly file: ConfigDocument | null; readonly base: unknown },
  diagnostics: Diagnostic[],
): Setting[] {
  const settings: Setting[] = [];
  // Weaker prefix first: later settings win.
  for (const prefix of PREFIXES.toReversed()) {
    for (const [name, text] of Object.entries(environment).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (!name.toUpperCase().startsWith(prefix) || text === undefined || RESERVED.has(name.toUpperCase())) continue;
      const parts = name.slice(prefix.length).toLowerCase().split('_');
      const resolved = resolveName(schema, parts, '_', base);
      const origin = `environment variable ${name}`;
      if (resolved.isKnown) {
        // Compose files and charts set variables that nobody has filled in: those say nothing, but for text.
        if (text.trim() === '' && resolved.schema?.label !== 'string') continue;
        settings.push({ path: resolved.path, value: settingValue(resolved.schema, text), origin });
      } else if (SERVICE_LINK.test(name) || uses(file, name)) continue;
      else if (prefix === 'TRAEFIK_' || !isNearOption(parts[0]!, schema)) {
        // Routing files may use it in a substitution; what resembles no option is none that was meant.
        if (prefix === 'TRAEFIK_' && !isNearOption(parts[0]!, schema)) continue;
        diagnostics.push({
          severity: 'warning',
          code: 'unknown-option',
          message: `${name} names no option and is left out`,
          source: origin,
          path: '',
          line: 0,
          column: 0,
        });
      } else settings.push({ path: resolved.path, value: text, origin });
    }
  }
  return settings;
}

/** In a substitution. */
function uses(file: ConfigDocument | null, variable: string): boolean {
  return file !== null && new RegExp(`\\$\\{${variable}[:}]`).test(file.text);
}

function isNearOption(word: string, schema: Schema<unknown>): boolean {
  return didYouMean(word, Object.keys(schema.fields ?? {})) !== null;
}

function flagSettings(flags: readonly OptionFlag[], schema: Schema<unknown>): Setting[] {
  const settings = new Map<string, Setting>();
  for (const { name, value } of flags) {
    const resolved = resolveName(schema, partsOf(name), '.', {});
    const key = originKey(resolved.path);
    const earlier = settings.get(key);
    // A list may be given in several flags.
    const text =
      resolved.schema?.itemSuffix === '[]' && earlier !== undefined
        ? `${String(earlier.value)},${value ?? ''}`
        : (value ?? 'true');
    const given = resolved.isKnown ? settingValue(resolved.schema, text) : text;
    settings.delete(key);
    settings.set(key, { path: resolved.path, value: given, origin: `flag --${name}` });
  }
  return [...settings.values()];
}

/** True when the option takes no value of its own: a section or a switch. */
export function isSwitch(schema: Schema<unknown>, name: string): boolean {
  const { schema: found, isKnown } = resolveName(schema, partsOf(name), '.', {});
  return isKnown && found !== null && (found.fields !== null || found.label === 'boolean');
}

/** A section is switched on or off by `true` and `false`; off takes away what a weaker source says about it. */
function settingValue(schema: Schema<unknown> | null, text: string): unknown {
  if (schema?.fields == null && schema?.itemSuffix !== '.<name>') return text;
  if (/^true$/i.test(text)) return {};
  return /^false$/i.test(text) ? REMOVED : text;
}
