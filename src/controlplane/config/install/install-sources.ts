// The install configuration from everywhere it may come from: a file, environment variables and flags, each overriding
// the one before, option by option. Names of variables and flags are resolved by the schema, so that a name says the same
// in all three; what no schema knows stays in the result and gets the decoder's diagnostic, at its own origin.

import { didYouMean } from '../../../core/did-you-mean.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import type { Locate, PathSegment } from '../../../schema/decode-context.ts';
import { SUCCEEDS_VARIABLE } from '../../../model/message/takeover.ts';
import { isMap, type Schema } from '../../../schema/schema.ts';
import type { ConfigDocument } from '../document/document.ts';

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
/** Variables with the prefix that are no options: the command line reads them. */
const RESERVED = new Set(['SIGNALBOX_ADMIN_URL', 'SIGNALBOX_ADMIN_TOKEN', SUCCEEDS_VARIABLE]);
/** What Kubernetes sets in every container for a service that happens to be called like this program. */
const SERVICE_LINK = /_SERVICE_(?:HOST|PORT)(?:_\w+)?$|_PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?$/;

/** An option switched off: takes away what a weaker source says about the section. */
const REMOVED = Symbol('removed');

interface Setting {
  readonly path: readonly PathSegment[];
  readonly value: unknown;
  readonly origin: string;
}

/** One document of all sources. Values keep the form of their source; the decoder takes text for every type. */
export function mergeInstallSources(sources: InstallSources, schema: Schema<unknown>): ConfigDocument {
  const file = sources.file;
  const diagnostics: Diagnostic[] = [...(file?.diagnostics ?? [])];
  const base = file?.value ?? {};
  const settings = [
    ...environmentSettings(sources.environment, schema, { file, base }, diagnostics),
    ...flagSettings(sources.flags, schema),
  ];
  const document = file ?? { source: '', text: '', value: {}, diagnostics: [], locate: () => null };
  if (settings.length === 0) return { ...document, diagnostics };
  const origins = new Map<string, string>();
  let value: unknown = base;
  for (const setting of settings) {
    value = withSetting(value, setting.path, setting.value);
    origins.set(originKey(setting.path), setting.origin);
  }
  return { ...document, value, diagnostics, locate: overlay(document.locate, origins) };
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
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const source = origins.get(originKey(path.slice(0, length)));
      if (source !== undefined) return { source, line: 0, column: 0 };
    }
    return locate(path);
  };
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
    const parts = name.replaceAll(/\[([0-9]+)\]/g, '.$1').split('.');
    const resolved = resolveName(schema, parts, '.', {});
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
  const { schema: found, isKnown } = resolveName(schema, name.replaceAll(/\[([0-9]+)\]/g, '.$1').split('.'), '.', {});
  return isKnown && found !== null && (found.fields !== null || found.label === 'boolean');
}

/** A section is switched on or off by `true` and `false`. */
function settingValue(schema: Schema<unknown> | null, text: string): unknown {
  if (schema?.fields == null && schema?.itemSuffix !== '.<name>') return text;
  if (/^true$/i.test(text)) return {};
  return /^false$/i.test(text) ? REMOVED : text;
}

interface Resolved {
  readonly path: PathSegment[];
  /** Of the option itself; null when it is not known, or known and not built yet. */
  readonly schema: Schema<unknown> | null;
  readonly isKnown: boolean;
}

/** The path an option's name stands for. Names that users chose may contain the separator. */
function resolveName(
  schema: Schema<unknown>,
  parts: readonly string[],
  separator: string,
  existing: unknown,
): Resolved {
  if (parts.length === 0) return { path: [], schema, isKnown: true };
  const [first = '', ...rest] = parts;
  const inside = (segment: PathSegment, inner: Resolved): Resolved => ({ ...inner, path: [segment, ...inner.path] });
  if (schema.fields !== null) {
    const found = Object.entries(schema.fields).find(([name]) => name.toLowerCase() === first.toLowerCase());
    if (found === undefined) return { path: [...parts], schema: null, isKnown: false };
    const [name, field] = found;
    if (field.later !== null) return { path: [name], schema: null, isKnown: true };
    return inside(name, resolveName(field.schema, rest, separator, childOf(existing, name)));
  }
  if (schema.item === undefined) return { path: [...parts], schema: null, isKnown: false };
  if (schema.itemSuffix === '[]') {
    if (!/^[0-9]{1,4}$/.test(first)) return { path: [...parts], schema: null, isKnown: false };
    return inside(Number(first), resolveName(schema.item, rest, separator, null));
  }
  const { item } = schema;
  if (item.fields === null && item.item === undefined) {
    return { path: [parts.join(separator)], schema: item, isKnown: true };
  }
  const length = keyLength(item, parts, separator, existing);
  const key = parts.slice(0, length).join(separator);
  const known = isMap(existing)
    ? Object.keys(existing).find((name) => name.toLowerCase() === key.toLowerCase())
    : undefined;
  return inside(known ?? key, resolveName(item, parts.slice(length), separator, childOf(existing, key)));
}

/** How many parts make up the name of a map's entry: that of an entry which is there, or all before the first option. */
function keyLength(item: Schema<unknown>, parts: readonly string[], separator: string, existing: unknown): number {
  const names = new Set(isMap(existing) ? Object.keys(existing).map((name) => name.toLowerCase()) : []);
  for (let length = parts.length; length > 0; length--) {
    if (names.has(parts.slice(0, length).join(separator).toLowerCase())) return length;
  }
  const options = new Set(Object.keys(item.fields ?? {}).map((name) => name.toLowerCase()));
  const option = parts.findIndex((part, index) => index > 0 && options.has(part.toLowerCase()));
  return option < 0 ? 1 : option;
}

function childOf(value: unknown, name: string): unknown {
  if (!isMap(value)) return undefined;
  const key = Object.keys(value).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : value[key];
}

/** A copy of the tree with the value at the path; sections merge, everything else is replaced. */
function withSetting(tree: unknown, path: readonly PathSegment[], value: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return isMap(tree) && isMap(value) ? { ...tree, ...value } : value;
  if (typeof first === 'number') {
    const list: unknown[] = Array.isArray(tree) ? [...tree] : [];
    while (list.length < first) list.push({});
    list[first] = withSetting(list[first], rest, value);
    return list;
  }
  const map: Record<string, unknown> = Object.assign(Object.create(null), isMap(tree) ? tree : {});
  const key = Object.keys(map).find((name) => name.toLowerCase() === first.toLowerCase()) ?? first;
  const inner = withSetting(map[key], rest, value);
  if (inner === REMOVED) delete map[key];
  else map[key] = inner;
  return map;
}
