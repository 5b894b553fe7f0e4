// compress: compresses responses for clients that accept it.

import { heldMemory } from '../../../core/held-memory.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { list } from '../../../schema/collection.ts';
import { optional, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { integer, oneOf, string } from '../../../schema/scalar.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from '../../http/body.ts';
import type { Exchange, ResponseHook } from '../../http/exchange.ts';
import { hasNoBody } from '../../http/message/status.ts';
import { EncodingChooser } from './encoding-chooser.ts';
import { CompressingFilter, type CompressorCount } from './compressing-filter.ts';
import { defineMiddleware } from '../define.ts';
import { AVAILABLE, COMPRESSOR_BYTES, type Coding } from './sync-compressor.ts';

const DEFAULT_MIN_BYTES = 1024;
/** A compressor holds up to 300 KB: beyond so many at once in a worker, responses go out as they are. */
const MAX_AT_ONCE = 512;
/** Compressed in themselves: doing it again costs time and saves nothing. */
const INCOMPRESSIBLE =
  /^(?:image\/(?!svg|bmp|x-icon|vnd\.microsoft\.icon)|audio\/(?!midi|wave?|x-wav)|video\/|font\/woff|application\/(?:zip|gzip|x-gzip|x-bzip2?|x-7z-compressed|x-rar-compressed|x-xz|zstd|font-woff2?|vnd\.rar)$)/;
const NEVER = new Set(['application/grpc']);

const mediaType = checked(
  string({
    pattern: /^(?:\*|[!#$&^_.+\-0-9A-Za-z]+)(?:\/(?:\*|[!#$&^_.+\-0-9A-Za-z]+))?(?:[\t ]*;.*)?$/,
    expected: 'a media type such as text/html',
  }),
  (type, context) => {
    if (bareType(type).includes('/')) return;
    context.report(
      'warning',
      'option-without-effect',
      `no response has the type "${type}"; write both parts, as in text/html or text/*`,
    );
  },
);
const encoding = oneOf('gzip', 'br', 'zstd');

/** Without parameters, in lower case. */
function bareType(text: string): string {
  const semicolon = text.indexOf(';');
  return (semicolon < 0 ? text : text.slice(0, semicolon)).trim().toLowerCase();
}

/** Types by name, and whole kinds of them (`image/*`). */
class MediaTypes {
  readonly isEmpty: boolean;
  readonly #types: ReadonlySet<string>;

  constructor(types: readonly string[]) {
    this.#types = new Set(types.map(bareType));
    this.isEmpty = types.length === 0;
  }

  has(type: string): boolean {
    if (this.#types.has(type) || this.#types.has('*/*')) return true;
    const slash = type.indexOf('/');
    return slash > 0 && this.#types.has(`${type.slice(0, slash)}/*`);
  }
}

function isCompressible(exchange: Exchange, minBytes: number): boolean {
  const { responseHeaders: headers, responseFraming, status, method } = exchange;
  if (responseFraming === BODY_NONE || hasNoBody(method, status)) return false;
  if (responseFraming === BODY_LENGTH && exchange.responseLength < minBytes) return false;
  // Part of a representation: the client puts the parts of one together (RFC 9110 §14.4).
  if (status === 206 || headers.has('content-range') || headers.has('content-encoding')) return false;
  return !/(?:^|[,\s])no-transform(?:[,\s]|$)/i.test(headers.get('cache-control') ?? '');
}

/**
 * What is said about the body is said about other bytes from now on. The ETag stays: the service compares what a client
 * sends back in If-Match with its own, and a weak one never matches there (RFC 9110 §13.1.1).
 */
function describe(exchange: Exchange, coding: string): void {
  const headers = exchange.responseHeaders;
  headers.setLine('content-encoding', `Content-Encoding: ${coding}\r\n`);
  headers.delete('accept-ranges');
  headers.delete('content-md5');
  headers.delete('content-digest');
  exchange.responseFraming = BODY_CHUNKED;
  exchange.responseLength = 0;
}

function addVary(exchange: Exchange): void {
  const vary = exchange.responseHeaders.valuesOf('vary')?.join(', ') ?? '';
  if (/(?:^|,)[\t ]*(?:accept-encoding|\*)[\t ]*(?:,|$)/i.test(vary)) return;
  exchange.responseHeaders.setLine('vary', `Vary: ${vary === '' ? '' : `${vary}, `}Accept-Encoding\r\n`);
}

export const compress = defineMiddleware({
  kind: 'compress',
  summary: 'Compresses responses.',
  description:
    'Compressed is what has no encoding yet and a type that is worth it: images but SVG, audio, video, archives and gRPC are left alone. Types in `includedContentTypes` are compressed whatever they are, and no others. A body whose length is not announced is compressed whatever its size, and what the service sends is passed on at once. Responses that could be compressed say `Vary: Accept-Encoding`; an ETag stays as it is, so that clients can send it back in `If-Match`. `zstd` needs a release of Node that has it, and is passed over otherwise.',
  options: checked(
    object({
      encodings: withDefault(
        forgivingList(encoding, { min: 1 }),
        ['gzip', 'br', 'zstd'],
        'Encodings to offer; the order decides where a client likes several the same.',
      ),
      defaultEncoding: optional(
        encoding,
        'Encoding for clients that do not say what they accept; they get the body as it is when left out.',
      ),
      minResponseBodyBytes: withDefault(
        integer({ min: 0, clamp: 'both' }),
        DEFAULT_MIN_BYTES,
        'Smallest body to compress, when its length is announced; 0 stands for 1024.',
      ),
      includedContentTypes: withDefault(
        forgivingList(mediaType),
        [],
        'The only types to compress; `text/*` stands for all of a kind.',
      ),
      excludedContentTypes: withDefault(
        list(mediaType),
        [],
        'Types not to compress; `image/*` stands for all of a kind.',
      ),
    }),
    ({ encodings, defaultEncoding, includedContentTypes, excludedContentTypes }, context) => {
      if (includedContentTypes.length > 0 && excludedContentTypes.length > 0) {
        const exclusive = '"includedContentTypes" and "excludedContentTypes" exclude each other';
        context.at('excludedContentTypes', () => context.invalid(exclusive, 'one of the two', 'both'));
      }
      if (defaultEncoding !== undefined && !encodings.includes(defaultEncoding)) {
        const wrong = `"${defaultEncoding}" is not one of "encodings"`;
        context.at('defaultEncoding', () => context.invalid(wrong, encodings.join(', '), defaultEncoding));
      }
    },
  ),
  create: (given) => {
    const offered = given.encodings.filter((coding) => AVAILABLE.includes(coding));
    const chooser = new EncodingChooser(offered);
    const fallback =
      given.defaultEncoding !== undefined && offered.includes(given.defaultEncoding) ? given.defaultEncoding : '';
    const minBytes = given.minResponseBodyBytes === 0 ? DEFAULT_MIN_BYTES : given.minResponseBodyBytes;
    const included = new MediaTypes(given.includedContentTypes);
    const excluded = new MediaTypes(given.excludedContentTypes);
    const count: CompressorCount = { active: 0 };

    const isWanted = (type: string): boolean => {
      if (NEVER.has(type)) return false;
      if (!included.isEmpty) return included.has(type);
      return !excluded.has(type) && !INCOMPRESSIBLE.test(type);
    };
    const compressResponse: ResponseHook = (exchange) => {
      if (!isCompressible(exchange, minBytes)) return;
      const type = bareType(exchange.responseHeaders.get('content-type') ?? '');
      if (!isWanted(type)) return;
      addVary(exchange);
      const accepted = exchange.requestHeaders.valuesOf('accept-encoding');
      const coding =
        accepted === null ? fallback : chooser.choose(accepted.length === 1 ? accepted[0]! : accepted.join(','));
      if (coding === '' || count.active >= MAX_AT_ONCE || !heldMemory.hasRoom(COMPRESSOR_BYTES)) return;
      const flushes = exchange.responseFraming !== BODY_LENGTH;
      describe(exchange, coding);
      exchange.addFilter(new CompressingFilter(coding as Coding, count, flushes)); // One of those offered.
    };
    if (offered.length === 0) return (next) => next;
    return (next) =>
      function compressStage(exchange) {
        if (exchange.method !== 'HEAD') exchange.onResponse(compressResponse);
        return next(exchange);
      };
  },
});
