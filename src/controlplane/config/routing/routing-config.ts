// Routing configuration of one provider, decoded object by object: a mistake costs the object it is in and nothing
// else.

import type { Diagnostic } from '../../../model/diagnostic.ts';
import type { Words } from '../../../model/stored-form.ts';
import {
  DecodeContext,
  type KnownPlugins,
  type PathSegment,
  type Substituted,
} from '../../../schema/decode-context.ts';
import { INVALID, type Invalid } from '../../../schema/invalid.ts';
import { isEmptyText, isMap, isSwitchedOff, isSwitchedOn } from '../../../schema/input.ts';
import type { Substitutions } from '../../../schema/substitution.ts';
import type { ConfigDocument } from '../document/document.ts';
import { refuseForeign, routingPartOf } from '../document/document-kind.ts';
import type { ProvidedEndpoints } from './provided-endpoints.ts';
import {
  bySection,
  OBJECT_KINDS,
  OBJECT_SECTIONS,
  ROUTING_PARTS,
  sectionsOf,
  type ObjectKindRow,
  type ObjectOptions,
  type ObjectSection,
  type RoutingPart,
} from './object-kinds.ts';

export interface RoutingObject<T> {
  readonly name: string;
  /** Null when decoding found errors: the object is disabled. */
  readonly value: T | null;
  /** The input as text: an object whose text did not change keeps its decoded value. */
  readonly text: string;
  /** Decoding had nothing to say, and what it said depends on the text alone. */
  readonly isClean: boolean;
  readonly document: ConfigDocument;
  readonly path: readonly PathSegment[];
  readonly errors: readonly string[];
  /** Values that are shown as they were written. */
  readonly substituted: readonly Substituted[];
  /** What is wrong with the present text, of an object that goes on in its last good form; left out otherwise. */
  readonly kept?: readonly string[];
}

/** Objects of every kind by name. */
export type RoutingSections = {
  readonly [S in ObjectSection]: ReadonlyMap<string, RoutingObject<ObjectOptions[S]>>;
};

export interface RoutingConfig extends RoutingSections {
  readonly provider: string;
  readonly words: Words;
  /** What decoding has said, of objects and of what is none. */
  readonly diagnostics: readonly Diagnostic[];
  /** What a provider says beside its objects; left out by one that has nothing to say. */
  readonly notes?: readonly Diagnostic[];
  /** Services of the router itself that its objects may name, `api@internal`; any of them when left out. */
  readonly internalServices?: readonly string[];
  /** Files of which nothing is known, since they cannot be read or do not parse. */
  readonly unread?: readonly string[];
  /** Files that options name and whose content is part of this: when they change, decode again. */
  readonly filesRead: ReadonlySet<string>;
  /** What could not be read as a whole, and where: nobody knows which objects were meant. */
  readonly unreadableSections: readonly UnreadableSection[];
  /** Left out by a provider that gives its services none beside their servers. */
  readonly endpoints?: ProvidedEndpoints;
}

export interface UnreadableSection {
  readonly section: ObjectSection;
  readonly source: string;
}

/** What is expected where a part is none. */
const EXPECTED: Readonly<Record<RoutingPart, string>> = {
  http: 'a section with routers, services and middlewares',
  tcp: 'a section with routers, services and middlewares',
  udp: 'a section with routers and services',
  tls: 'a section with certificates',
};
/** Sections that later work brings. */
const LATER: Readonly<Record<RoutingPart, readonly string[]>> = { http: ['models'], tcp: ['models'], udp: [], tls: [] };

export interface DecodeRoutingOptions {
  /** Values are taken over where their text is the same. */
  readonly previous?: RoutingConfig | undefined;
  /**
   * Only for the operator's words: whoever may substitute may read, and name files. Without them these are a tenant's.
   */
  readonly substitutions?: Substitutions;
  /** None when left out. */
  readonly plugins?: KnownPlugins;
  /** What a tenant may all the same. */
  readonly allowances?: Allowances | undefined;
}

/** What the operator lets a tenant's words do; the operator's own may do it in any case. */
export interface Allowances {
  /** Options may name files, which are read with the rights of the process. Nothing is substituted. */
  readonly mayNameFiles: boolean;
  /** Services of the router itself that routers may name, `api@internal`. */
  readonly internalServices: readonly string[];
}

/** Decodes a parsed document; never throws. */
export function decodeRouting(
  provider: string,
  document: ConfigDocument,
  { previous, substitutions, plugins, allowances }: DecodeRoutingOptions = {},
): RoutingConfig {
  const context = new DecodeContext(document.source, document.locate, substitutions, plugins, allowances?.mayNameFiles);
  const decoder: Decoder = { context, document, into: emptySections(), previous, unreadable: new Set() };
  const given = document.value ?? {};
  if (document.value === undefined) noteUnreadable(decoder, ...OBJECT_SECTIONS);
  if (!isMap(given)) {
    if (!refuseForeign(given, context)) context.wrongType('the section "http"', given);
    noteUnreadable(decoder, ...OBJECT_SECTIONS);
  } else {
    const entries = routingPartOf(given, context);
    // A file whose first line was lost says nothing about its objects.
    if (context.errorCount > 0) noteUnreadable(decoder, ...OBJECT_SECTIONS);
    for (const [key, sections] of entries) {
      context.at(key, () => {
        const part = ROUTING_PARTS.find((one) => one === key.toLowerCase());
        if (part === undefined) context.unknownOption(key, ROUTING_PARTS);
        else decodePart(part, sections, decoder);
      });
    }
  }
  return {
    provider,
    words: substitutions === undefined ? 'tenant' : 'operator',
    ...decoder.into,
    diagnostics: [...document.diagnostics, ...context.diagnostics],
    ...(allowances === undefined ? {} : { internalServices: allowances.internalServices }),
    filesRead: context.filesRead,
    unreadableSections: [...decoder.unreadable].map((section) => ({ section, source: document.source })),
  };
}

function noteUnreadable({ unreadable }: Decoder, ...sections: readonly ObjectSection[]): void {
  for (const section of sections) unreadable.add(section);
}

/** A section, or what stands for an empty one. */
function isSection(section: unknown): boolean {
  return section === null || isMap(section) || isSwitchedOn(section) || isSwitchedOff(section) || isEmptyText(section);
}

/** What all objects of a document are decoded with and into. */
interface Decoder {
  readonly context: DecodeContext;
  readonly document: ConfigDocument;
  readonly into: DecodedSections;
  readonly previous: RoutingSections | undefined;
  readonly unreadable: Set<ObjectSection>;
}

type DecodedSections = { readonly [S in ObjectSection]: Map<string, RoutingObject<ObjectOptions[S]>> };

function emptySections(): DecodedSections {
  return bySection(() => new Map<string, RoutingObject<unknown>>()) as DecodedSections; // None has an object yet.
}

function decodePart(part: RoutingPart, given: unknown, decoder: Decoder): void {
  const { context } = decoder;
  const known = sectionsOf(part);
  if (!isSection(given)) {
    context.wrongType(EXPECTED[part], given);
    noteUnreadable(decoder, ...known.map(([, section]) => section));
    return;
  }
  for (const [key, objects] of Object.entries(isMap(given) ? given : {})) {
    const isNamed = (name: string): boolean => name.toLowerCase() === key.toLowerCase();
    const section = known.find(([name]) => isNamed(name))?.[1];
    context.at(key, () => {
      if (section !== undefined) decodeSection(section, objects, decoder);
      else if (LATER[part].some(isNamed)) context.notSupported(false);
      else {
        const names = known.map(([name]) => name);
        // Of what is to come, hints name that of HTTP alone.
        context.unknownOption(key, part === 'http' ? [...names, ...LATER.http] : names);
      }
    });
  }
}

function decodeSection(section: ObjectSection, given: unknown, decoder: Decoder): void {
  if (OBJECT_KINDS[section].isList === true) decodeList(section, given, decoder);
  else decodeObjects(section, given, decoder);
}

/** Its objects are named by their place in the file. */
function decodeList(section: ObjectSection, given: unknown, decoder: Decoder): void {
  const { context } = decoder;
  if (given === null || isEmptyText(given)) return;
  if (!Array.isArray(given) && !isMap(given)) {
    context.wrongType(`a list of ${OBJECT_KINDS[section].at[1]}`, given);
    noteUnreadable(decoder, section);
    return;
  }
  // One needs no list.
  const objects: readonly unknown[] = Array.isArray(given) ? given : [given];
  objects.forEach((object, index) => {
    context.at(index, () => decodeObject(section, placeName(context.source, index), object, decoder));
  });
}

/** Those of several files of a provider must not hide each other. */
function placeName(source: string, index: number): string {
  return `${source}#${index}`;
}

function decodeObjects(section: ObjectSection, given: unknown, decoder: Decoder): void {
  const { context } = decoder;
  if (!isSection(given)) {
    context.wrongType('a map from names to objects', given);
    noteUnreadable(decoder, section);
    return;
  }
  if (!isMap(given)) return;
  for (const [name, object] of Object.entries(given)) {
    context.at(name, () => {
      if (context.refuseKey(name)) return;
      if (name.includes('@')) {
        context.invalid(
          `"@" cannot be part of a name; it separates name and provider in references`,
          'a name without @',
          name,
        );
        return;
      }
      decodeObject(section, name, object, decoder);
    });
  }
}

function decodeObject<S extends ObjectSection>(section: S, name: string, given: unknown, decoder: Decoder): void {
  const { context, document } = decoder;
  const into = decoder.into[section];
  const mark = context.mark();
  const { diagnostics: before, errors: errorsBefore } = mark;
  const substitutedBefore = context.substituted.length;
  const text = JSON.stringify(given) ?? '';
  const old = decoder.previous?.[section].get(name);
  if (old?.isClean === true && old.text === text) {
    into.set(name, { ...old, document });
    return;
  }
  const readsBefore = context.fileReads;
  context.mayKeepLast = false;
  const decoded = decodeOptions(OBJECT_KINDS[section], given, context);
  const dependsOnFiles = context.fileReads > readsBefore;
  const isValid = decoded !== INVALID && context.errorCount === errorsBefore;
  if (!isValid && context.mayKeepLast && old !== undefined && old.value !== null && old.text === text) {
    // What it says is the same: one of its files is wrong, or half written.
    context.downgrade(mark, 'what was read before stays in force');
    into.set(name, { ...old, document });
    return;
  }
  const errors = context.diagnostics
    .slice(before)
    .filter((diagnostic) => diagnostic.severity === 'error')
    .map((diagnostic) => diagnostic.message);
  const depth = context.path.length;
  const substituted = context.substituted
    .slice(substitutedBefore)
    .map((one) => ({ ...one, path: one.path.slice(depth) }));
  into.set(name, {
    name,
    value: isValid ? decoded : null,
    text,
    // What a substitution stands for may change while the text does not.
    isClean: isValid && !dependsOnFiles && context.diagnostics.length === before && substituted.length === 0,
    substituted,
    document,
    path: [...context.path],
    // Never empty for a disabled object, also when its own diagnostics were too many to keep: later stages tell by it.
    errors: isValid || errors.length > 0 ? errors : ['it has errors; those of other objects come first'],
  });
}

function decodeOptions<T>({ options, example }: ObjectKindRow<T>, given: unknown, context: DecodeContext): T | Invalid {
  const errorsBefore = context.errorCount;
  const decoded = options.decode(given, context);
  if (example === undefined || decoded === INVALID || context.errorCount > errorsBefore) return decoded;
  const kinds = Object.entries(decoded as object) // Options are a section.
    .filter(([, value]) => value !== undefined)
    .map(([kind]) => kind);
  if (kinds.length === 1) return decoded;
  return kinds.length === 0
    ? context.invalid(`name the kind, as in "${example}:"`, 'exactly one kind', 'none')
    : context.invalid(
        `one object is of one kind, found ${kinds.join(' and ')}; give each a name of its own`,
        'exactly one kind',
        kinds.join(', '),
      );
}
