// The product and Node read the same damaged bytes. Where both complete a request they must agree on its method, target
// and body, and so on where it ends; where only one does, the reason must be in the table of intended differences.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutAnywhere, mutate, SeededRandom } from './byte-mutator.ts';
import { methods, readAsNode, readAsProduct, type Reading } from './two-readers.ts';

const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
const post = (fields: string, body: string): string => `POST /p HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;

interface Difference {
  readonly what: string;
  readonly rfc: string;
  readonly bytes: string;
  /** How the product goes on, and how many requests it completes before. */
  readonly product: readonly [end: string, requests: number];
  /** Requests that Node completes, unless its version agrees with the product. */
  readonly node: number;
}

/**
 * Every way in which the two may differ. The product's failures named here are those that may refuse what Node reads.
 */
const DIFFERENCES: readonly Difference[] = [
  {
    what: 'a request without Host is refused by the parser, not by the server behind it',
    rfc: 'RFC 9112 §3.2',
    bytes: 'GET / HTTP/1.1\r\n\r\n',
    product: ['bad_host', 0],
    node: 1,
  },
  {
    what: 'a Host that is no host is refused',
    rfc: 'RFC 9110 §7.2',
    bytes: 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
    product: ['bad_host', 0],
    node: 1,
  },
  {
    what: 'a line without a version is not HTTP/0.9',
    rfc: 'RFC 9112 §3',
    bytes: 'GET /\r\nHost: a\r\n\r\n',
    product: ['bad_request_line', 0],
    node: 1,
  },
  {
    what: 'more than one empty line before a request is not skipped',
    rfc: 'RFC 9112 §2.2',
    bytes: `\r\n\r\n${NEXT}`,
    product: ['bad_request_line', 0],
    node: 1,
  },
  {
    what: 'a broken escape in the target is refused',
    rfc: 'RFC 3986 §2.1',
    bytes: 'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n',
    product: ['bad_target', 0],
    node: 1,
  },
  {
    what: 'a backslash in the path is refused: some origins take it for a slash',
    rfc: 'RFC 3986 §3.3',
    bytes: 'GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n',
    product: ['bad_path', 0],
    node: 1,
  },
  {
    what: 'a method that Node does not know is passed on, in its own case',
    rfc: 'RFC 9110 §9.1',
    bytes: 'm-search / HTTP/1.1\r\nHost: a\r\n\r\n',
    product: ['open', 1],
    node: 0,
  },
  {
    what: 'TRACE is refused',
    rfc: 'RFC 9110 §9.3.8',
    bytes: 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n',
    product: ['method_not_allowed', 0],
    node: 1,
  },
  {
    what: 'a coding before chunked is refused, for nobody here can undo it',
    rfc: 'RFC 9112 §6.1',
    bytes: post('Transfer-Encoding: gzip, chunked\r\n', `0\r\n\r\n${NEXT}`),
    product: ['coding_unknown', 0],
    node: 2,
  },
  {
    what: 'chunked named twice is refused',
    rfc: 'RFC 9112 §6.1',
    bytes: post('Transfer-Encoding: chunked, chunked\r\n', `0\r\n\r\n${NEXT}`),
    product: ['bad_framing', 0],
    node: 2,
  },
  {
    what: 'an expectation other than 100-continue is refused',
    rfc: 'RFC 9110 §10.1.1',
    bytes: post('Expect: something\r\nContent-Length: 1\r\n', `x${NEXT}`),
    product: ['expectation_failed', 0],
    node: 2,
  },
  {
    what: 'a bare LF or CR ends no line',
    rfc: 'RFC 9112 §2.2',
    bytes: `GET / HTTP/1.1\r\nHost: a\r\nX: 1\n\r\n`,
    product: ['bad_header', 0],
    node: 1,
  },
  {
    what: 'a chunk size of more than 16 digits is refused',
    rfc: 'RFC 9112 §7.1',
    bytes: post('Transfer-Encoding: chunked\r\n', `00000000000000001\r\nx\r\n0\r\n\r\n${NEXT}`),
    product: ['bad_chunk', 0],
    node: 2,
  },
  {
    what: 'a trailer that frames, routes or authenticates is refused',
    rfc: 'RFC 9110 §6.5.1',
    bytes: post('Transfer-Encoding: chunked\r\n', `0\r\nHost: b\r\n\r\n${NEXT}`),
    product: ['bad_trailer', 0],
    node: 2,
  },
  {
    what: 'HTTP versions other than 1.0 and 1.1 are refused',
    rfc: 'RFC 9110 §2.5',
    bytes: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
    product: ['version_unsupported', 0],
    node: 1,
  },
  {
    what: 'what follows a request that asks to close is not read, chunked or not',
    rfc: 'RFC 9112 §9.6',
    bytes: post('Connection: close\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${NEXT}`),
    product: ['closed', 1],
    node: 2,
  },
  {
    what: 'methods that Node does not know are passed on when they look like one',
    rfc: 'RFC 9110 §9.1',
    bytes: `PURGEALL / HTTP/1.1\r\nHost: a\r\n\r\n${NEXT}`,
    product: ['open', 2],
    node: 0,
  },
  {
    what: 'bytes behind an upgrade request that was not agreed to are requests, where Node stops reading HTTP',
    rfc: 'RFC 9110 §7.8',
    bytes: `GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${NEXT}`,
    product: ['open', 2],
    node: 1,
  },
];

const MAY_REFUSE = new Set(DIFFERENCES.map(({ product }) => product[0]).filter((end) => end !== 'open'));

/** What is wrong between two readings of the same bytes; null when the table covers it. */
function disagreement(product: Reading, node: Reading): string | null {
  const both = Math.min(product.requests.length, node.requests.length);
  for (let index = 0; index < both; index++) {
    if (JSON.stringify(product.requests[index]) !== JSON.stringify(node.requests[index])) return `request ${index}`;
  }
  if (product.requests.length > both) {
    if (node.end === 'upgrade') return null;
    const isNewMethod = !methods.includes(product.requests[both]!.method);
    // Octets beyond ASCII: encoded in a path, passed on in a query.
    if (node.end === 'HPE_INVALID_URL' && /[\x80-\xff]/.test(product.requests[both]!.target)) return null;
    return node.end === 'HPE_INVALID_METHOD' && isNewMethod ? null : `Node refuses request ${both}: ${node.end}`;
  }
  if (node.requests.length > both && !MAY_REFUSE.has(product.end)) {
    return `only Node completes request ${both}: ${product.end}`;
  }
  return null;
}

/** The same however the bytes arrive: equal requests, and an end of the same kind. */
function summary({ requests, end }: Reading): unknown {
  return [requests, end === 'open' || end === 'closed' ? end : 'refused'];
}

const CORPUS: readonly string[] = [
  NEXT,
  `GET /a/b?x=1&y=%20 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n${NEXT}`,
  `POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello${NEXT}`,
  post('Transfer-Encoding: chunked\r\n', `5\r\nhello\r\n3;a=b;c="d"\r\nabc\r\n0\r\n\r\n${NEXT}`),
  post('Transfer-Encoding: chunked\r\nTrailer: X\r\n', `5\r\nhello\r\n0\r\nX: 1\r\nY: 2\r\n\r\n${NEXT}`),
  `GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n`,
  `POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n${NEXT}`,
  post(`Expect: 100-continue\r\nContent-Length: ${NEXT.length}\r\n`, `${NEXT}DELETE /d HTTP/1.1\r\nHost: a\r\n\r\n`),
  `GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${NEXT}`,
  `HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${NEXT}`,
];

describe('intended differences', () => {
  test.each(DIFFERENCES)('$rfc: $what', ({ bytes, product, node }) => {
    const read = readAsProduct([Buffer.from(bytes, 'latin1')]);
    expect([read.end, read.requests.length]).toEqual(product);
    expect([node, product[1]]).toContain(readAsNode(Buffer.from(bytes, 'latin1')).requests.length);
  });
});

test.each([1, 2, 3])('10,000 mutated streams are read as Node reads them, in one piece or many (seed %i)', (seed) => {
  const random = new SeededRandom(seed);
  const counts = { agreed: 0, refused: 0 };
  for (let round = 0; round < 10_000; round++) {
    const text = mutate(random, CORPUS);
    const bytes = Buffer.from(text, 'latin1');
    const product = readAsProduct([bytes]);
    const problem = disagreement(product, readAsNode(bytes));
    if (problem !== null) expect.fail(`${problem} in round ${round}: ${JSON.stringify(text)}`);
    expect(summary(readAsProduct(cutAnywhere(random, text)))).toEqual(summary(product));
    if (product.end === 'open' || product.end === 'closed') counts.agreed++;
    else counts.refused++;
  }
  // A mutator that breaks everything, or nothing, would prove nothing.
  expect(counts.agreed).toBeGreaterThan(500);
  expect(counts.refused).toBeGreaterThan(500);
});

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.!~'.split('')), minLength: 1, maxLength: 12 });
const bytes = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});
const field = fc
  .tuple(
    token,
    fc.string({ unit: fc.constantFrom(...'ab ,;="\t:\xe4/'.split('')), maxLength: 12 }),
    fc.constantFrom('', ' ', '\t '),
  )
  .map(([name, value, space]) => `X-${name}:${space}${value}${space}\r\n`);
const target = fc
  .array(fc.constantFrom('a', 'b1', '%20', '%C3%A4', '.', '..', '', ';x', '+', "(')"), { maxLength: 5 })
  .map((segments) => `/${segments.join('/')}`)
  .filter((path) => !/\/\.\.?;/.test(path));

interface Message {
  readonly text: string;
  readonly request: { readonly method: string; readonly target: string; readonly body: string };
}

const message: fc.Arbitrary<Message> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'),
    target,
    query: fc.constantFrom('', '?', '?a=1&b', '?x=%2F;y'),
    before: fc.array(field, { maxLength: 4 }),
    after: fc.array(field, { maxLength: 40 }),
    pieces: fc.array(
      bytes.filter((piece) => piece.length > 0),
      { maxLength: 4 },
    ),
    framing: fc.constantFrom('length', 'chunked', 'extended'),
  })
  .map(({ method, target: path, query, before, after, pieces, framing }) => {
    const body = pieces.join('');
    const head = `${method} ${path}${query} HTTP/1.1\r\n${before.join('')}hOsT: a.test:80\r\n`;
    const extension = framing === 'extended' ? ';a;b=c;d="e;\\""' : '';
    const chunks = [...pieces, ''].map(
      (piece) => `${piece.length.toString(16)}${extension}\r\n${piece}${piece && '\r\n'}`,
    );
    const text =
      framing === 'length'
        ? `${head}content-LENGTH:${body.length}\r\n${after.join('')}\r\n${body}`
        : `${head}Transfer-Encoding: Chunked\r\n${after.join('')}\r\n${chunks.join('')}\r\n`;
    return { text, request: { method, target: path + query, body } };
  });

test('streams of valid requests are split where they were joined, by both, however they arrive', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.nat(), (messages, seed) => {
      const text = messages.map((one) => one.text).join('');
      const expected = messages.map((one) => one.request);
      expect(readAsProduct([Buffer.from(text, 'latin1')])).toEqual({ requests: expected, end: 'open' });
      expect(readAsProduct(cutAnywhere(new SeededRandom(seed), text))).toEqual({ requests: expected, end: 'open' });
      expect(readAsNode(Buffer.from(text, 'latin1'))).toEqual({ requests: expected, end: 'open' });
    }),
    { numRuns: 500 },
  );
});

test('any mixture of framing fields is refused or read as Node reads it', () => {
  const framing = fc
    .tuple(
      fc.constantFrom('Content-Length', 'content-length', 'Transfer-Encoding', 'transfer-encoding', 'Connection', 'X'),
      fc.constantFrom(':', ': ', ':\t', ' :', ':\r\n ', ':\x0b', ':\xa0'),
      fc.constantFrom(
        '',
        '0',
        '5',
        '05',
        '+5',
        '5,5',
        '0x5',
        'chunked',
        'Chunked',
        'chunked ',
        'chunked,',
        ',chunked',
        'x',
        'close',
      ),
      fc.constantFrom('\r\n', '\n', '\r', ' \r\n', '\r\r\n', '\0\r\n'),
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(framing, { minLength: 1, maxLength: 3 }), fc.nat(), (fields, seed) => {
      const text = post(fields.join(''), `5\r\nhello\r\n0\r\n\r\n${NEXT}`);
      const product = readAsProduct([Buffer.from(text, 'latin1')]);
      expect(disagreement(product, readAsNode(Buffer.from(text, 'latin1')))).toBe(null);
      expect(summary(readAsProduct(cutAnywhere(new SeededRandom(seed), text)))).toEqual(summary(product));
    }),
    { numRuns: 3_000 },
  );
});

test('every single byte in every place of a request is refused or read as Node reads it', () => {
  const text = `PUT /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${NEXT}`;
  for (let at = 0; at < text.length; at++) {
    for (let code = 0; code < 256; code++) {
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      const read = Buffer.from(changed, 'latin1');
      const problem = disagreement(readAsProduct([read]), readAsNode(read));
      if (problem !== null) expect.fail(`${problem}: ${JSON.stringify(changed)}`);
    }
  }
});
