// What a client of HTTP/2 can do to a proxy. Each attack either costs the attacker its connection or next to nothing:
// after each the router still answers, and where memory is the aim, it is measured.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { block, frame, GET, POST, RawHttp2, uint32, type FieldPair } from '../support/raw-http2.ts';
import { answerOk, RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const REFUSED_STREAM = 7;
const CANCEL = 8;
const COMPRESSION_ERROR = 9;
const ENHANCE_YOUR_CALM = 11;

const { origin, web: port } = await startLab((originPort) => simpleInstall(originPort));

async function expectAlive(): Promise<void> {
  const client = await RawHttp2.connect(port);
  client.headers(1, GET);
  expect(await client.status(1)).toBe('200');
  client.socket.destroy();
}

const repeat = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

describe('55 rapid reset', () => {
  const openAndReset = (index: number): Buffer =>
    Buffer.concat([frame(1, 5, index * 2 + 1, block(GET)), frame(3, 0, index * 2 + 1, uint32(CANCEL))]);

  test('streams that are reset in the same breath never reach a server, and thousands end the connection', async () => {
    const client = await RawHttp2.connect(port);
    client.send(repeat(5000, openAndReset));
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
    expect(origin.connections).toHaveLength(0);
    await expectAlive();
  });

  test('a reset stops the server’s work at once', async () => {
    origin.respond = () => {};
    const client = await RawHttp2.connect(port);
    client.headers(1, GET);
    await origin.until(() => origin.connections.length === 1);
    client.send(frame(3, 0, 1, uint32(CANCEL)));
    await origin.until(() => origin.connections[0]!.isClosed);
    client.socket.destroy();
  });

  test('resets of requests that are under way count as well', async () => {
    origin.respond = () => {};
    const client = await RawHttp2.connect(port);
    for (let id = 1; !client.isClosed && id < 20_000; id += 200) {
      client.send(repeat(100, (index) => frame(1, 5, id + index * 2, block(GET))));
      await client.settled().catch(() => {});
      client.send(repeat(100, (index) => frame(3, 0, id + index * 2, uint32(CANCEL))));
    }
    expect(client.frames.findLast(({ type }) => type === 7)!.payload.readUInt32BE(4)).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
    await origin.until(() => origin.connections.every(({ isClosed }) => isClosed));
    origin.respond = answerOk;
    await expectAlive();
  });

  test('a page that is left, and a hundred requests with it, is no attack', async () => {
    const client = await RawHttp2.connect(port);
    client.send(repeat(100, openAndReset));
    client.headers(201, GET);
    expect(await client.status(201)).toBe('200');
    client.socket.destroy();
  });
});

describe('56 made to reset', () => {
  test.each([
    ['window updates of 0', (id: number) => frame(8, 0, id, uint32(0))],
    ['windows that overflow', (id: number) => frame(8, 0, id, uint32(0x7fff_ffff))],
    ['DATA behind the end', (id: number) => frame(0, 0, id, 'x')],
    ['a second head', (id: number) => frame(1, 4, id, block(GET))],
    ['PRIORITY of the wrong size', (id: number) => frame(2, 0, id, 'x')],
  ])('%s', async (_, provoke) => {
    origin.respond = () => {};
    const client = await RawHttp2.connect(port);
    client.send(
      repeat(3000, (index) => Buffer.concat([frame(1, 5, index * 2 + 1, block(GET)), provoke(index * 2 + 1)])),
    );
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
    expect(origin.connections).toHaveLength(0);
    origin.respond = answerOk;
    await expectAlive();
  });

  test('malformed requests', async () => {
    const client = await RawHttp2.connect(port);
    client.send(repeat(3000, (index) => frame(1, 5, index * 2 + 1, block([[':method', 'GET']]))));
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
    await expectAlive();
  });

  test('streams above the limit are refused, and many of them are too many', async () => {
    origin.respond = () => {};
    const client = await RawHttp2.connect(port);
    client.send(repeat(251, (index) => frame(1, 5, index * 2 + 1, block(GET))));
    expect(await client.reset(501)).toBe(REFUSED_STREAM);
    client.send(repeat(2000, (index) => frame(1, 5, 503 + index * 2, block(GET))));
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
    await origin.until(() => origin.connections.every(({ isClosed }) => isClosed));
    origin.respond = answerOk;
    await expectAlive();
  });
});

describe('57 CONTINUATION floods', () => {
  test('many frames', async () => {
    const client = await RawHttp2.connect(port);
    client.send(
      frame(1, 0, 1, block(GET)),
      repeat(1000, () => frame(9, 0, 1, '')),
    );
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
  });

  test('many bytes', async () => {
    const client = await RawHttp2.connect(port);
    const piece = block([['x', 'y'.repeat(16_000)]]);
    client.send(
      frame(1, 0, 1, block(GET)),
      repeat(100, () => frame(9, 0, 1, piece)),
    );
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
    await expectAlive();
  });
});

describe('58 HPACK bombs', () => {
  test('one large entry and references to it', async () => {
    const client = await RawHttp2.connect(port);
    const large = Buffer.concat([Buffer.from('40017a7f811e', 'hex'), Buffer.alloc(127 + 1 + 0x1e * 128, 'x')]);
    const bomb = Buffer.concat([block(GET), large, Buffer.alloc(12_000 - 4000, 0xbe)]);
    client.send(frame(1, 5, 1, bomb));
    expect(await client.status(1)).toBe('431');
    // The connection, and its table, go on.
    client.headers(3, GET);
    expect(await client.status(3)).toBe('200');
    expect(origin.received).not.toContain('xxxx');
    client.socket.destroy();
  });

  test('table sizes that go up and down', async () => {
    const client = await RawHttp2.connect(port);
    client.send(frame(1, 5, 1, Buffer.concat([Buffer.alloc(8000, 0x20), block(GET)])));
    expect(await client.status(1)).toBe('200');
    client.socket.destroy();
  });

  test('a broken block ends the connection', async () => {
    const client = await RawHttp2.connect(port);
    client.send(frame(1, 5, 1, Buffer.from('80', 'hex')));
    expect(await client.goaway()).toBe(COMPRESSION_ERROR);
    await client.closed();
  });

  test('so does one of a stream that is refused for other reasons', async () => {
    const client = await RawHttp2.connect(port);
    client.headers(1, GET);
    await client.ended(1);
    client.send(frame(0x1, 0x25, 3, Buffer.from('000000031080', 'hex')));
    expect(await client.goaway(COMPRESSION_ERROR)).toBe(COMPRESSION_ERROR);
    await client.closed();
  });
});

describe('59 floods of frames', () => {
  test.each([
    ['PING', () => frame(6, 0, 0, '12345678')],
    ['PING answers nobody asked for', () => frame(6, 1, 0, '12345678')],
    ['SETTINGS', () => frame(4, 0, 0)],
    ['SETTINGS acknowledged', () => frame(4, 1, 0)],
    ['PRIORITY', () => frame(2, 0, 99, Buffer.from('0000000000', 'hex'))],
    ['unknown frames', () => frame(200, 0, 0)],
    ['WINDOW_UPDATE of the connection', () => frame(8, 0, 0, uint32(1))],
    ['WINDOW_UPDATE of a stream that is over', () => frame(8, 0, 1, uint32(1))],
    ['RST_STREAM of a stream that is over', () => frame(3, 0, 1, uint32(0))],
    ['GOAWAY', () => frame(7, 0, 0, Buffer.alloc(8))],
  ])('%s', async (_, make) => {
    const client = await RawHttp2.connect(port);
    client.headers(1, GET);
    await client.ended(1);
    client.send(repeat(10_000, make));
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
    await expectAlive();
  });

  test.each([
    ['empty DATA', () => frame(0, 0, 1)],
    ['DATA of padding only', () => frame(0, 8, 1, Buffer.alloc(100, 0).fill(99, 0, 1))],
  ])('%s', async (_, make) => {
    const client = await RawHttp2.connect(port);
    client.headers(1, POST, false);
    client.send(repeat(10_000, make));
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
    await expectAlive();
  });

  test('empty header blocks', async () => {
    const client = await RawHttp2.connect(port);
    client.send(repeat(5000, (index) => frame(1, 5, index * 2 + 1)));
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    await client.closed();
  });

  test('a client that asks for answers and reads none is not read either', async () => {
    await using other = await startRouter({
      install: simpleInstall(
        origin.port,
        '',
        '    transport: { respondingTimeouts: { writeIdleTimeout: 300ms } }',
      ).replace('rule: "PathPrefix(`/`)"', 'rule: "PathPrefix(`/there`)"'),
    });
    const client = await RawHttp2.connect(other.ports['web']!);
    await client.settled();
    const before = residentMb(other.pid);
    client.socket.pause();
    let id = 1;
    const flood = setInterval(() => {
      if (client.socket.writableLength > 1024 * 1024) return;
      client.send(repeat(1000, (index) => frame(1, 5, id + index * 2, block(GET))));
      id += 2000;
    }, 1);
    // Given up while it still sends.
    await new Promise<void>((resolve) => {
      client.socket.once('close', () => resolve());
      client.socket.once('error', () => resolve());
    });
    clearInterval(flood);
    expect(residentMb(other.pid) - before).toBeLessThan(48);
  });
});

describe('60 windows', () => {
  const GIGABYTE = 1024 * 1024 * 1024;

  async function endless(): Promise<RecordingOrigin> {
    const piece = Buffer.alloc(64 * 1024, 'x');
    return RecordingOrigin.start((connection) => {
      if (!connection.received.endsWith('\r\n\r\n')) return;
      connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${GIGABYTE}\r\n\r\n`);
      const fill = (): void => {
        while (!connection.socket.destroyed && connection.socket.write(piece));
        connection.socket.once('drain', fill);
      };
      fill();
    });
  }

  test('a client that opens its windows wide and reads nothing costs little, and is given up', async () => {
    await using source = await endless();
    await using other = await startRouter({
      install: simpleInstall(source.port, '', '    transport: { respondingTimeouts: { writeIdleTimeout: 1s } }'),
    });
    const client = await RawHttp2.connect(
      other.ports['web']!,
      Buffer.concat([Buffer.from([0, 4]), uint32(0x7fff_ffff)]),
    );
    client.send(frame(8, 0, 0, uint32(0x7fff_0000)));
    await client.settled();
    const before = residentMb(other.pid);
    client.socket.pause();
    client.headers(1, GET);
    await source.until(() => source.connections.length === 1 && source.connections[0]!.isClosed);
    expect(residentMb(other.pid) - before).toBeLessThan(32);
    client.socket.destroy();
  });

  test('a client with a window of zero costs little on every stream, and each is reset in time', async () => {
    await using source = await endless();
    await using other = await startRouter({
      install: simpleInstall(source.port, '', '    transport: { respondingTimeouts: { writeIdleTimeout: 1s } }'),
    });
    const client = await RawHttp2.connect(other.ports['web']!, Buffer.from('000400000000', 'hex'));
    await client.settled();
    const before = residentMb(other.pid);
    for (let id = 1; id < 100; id += 2) client.headers(id, GET);
    await source.until(() => source.connections.length === 50);
    for (let id = 1; id < 100; id += 2) expect(await client.reset(id)).toBe(CANCEL);
    await source.until(() => source.connections.every(({ isClosed }) => isClosed));
    expect(residentMb(other.pid) - before).toBeLessThan(48);
    expect(client.dataBytes).toBe(0);
    client.socket.destroy();
  });

  test('a download that is taken in small portions arrives, one that is dribbled for the sake of work does not', async () => {
    origin.respond = (connection) =>
      connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n${'x'.repeat(20_000)}`);
    const polite = await RawHttp2.connect(port, Buffer.from('0004000000ff', 'hex'));
    polite.headers(1, GET);
    for (let taken = 0; taken < 20_000; ) {
      await polite.until(() => polite.dataBytes > taken || polite.frames.some(({ flags, type }) => type === 0 && flags === 1));
      polite.send(frame(8, 0, 1, uint32(Math.max(1, polite.dataBytes - taken))));
      taken = polite.dataBytes;
    }
    await polite.ended(1);
    polite.socket.destroy();
    const tiny = await RawHttp2.connect(port, Buffer.from('000400000001', 'hex'));
    tiny.headers(1, GET);
    tiny.send(repeat(10_000, () => frame(8, 0, 1, uint32(1))));
    expect(await tiny.goaway()).toBe(ENHANCE_YOUR_CALM);
    await tiny.closed();
  }); // prettier-ignore

  test('an overflow of the connection’s window', async () => {
    const client = await RawHttp2.connect(port);
    client.send(frame(8, 0, 0, uint32(0x7fff_ffff)));
    expect(await client.goaway()).toBe(FLOW_CONTROL_ERROR);
    await client.closed();
  });

  test('an initial window that overflows those of open streams', async () => {
    origin.respond = () => {};
    const client = await RawHttp2.connect(port);
    client.headers(1, GET);
    client.send(frame(8, 0, 1, uint32(0x7fff_ffff - 65_535)));
    client.send(frame(4, 0, 0, Buffer.from('00047fffffff', 'hex')));
    expect(await client.goaway()).toBe(FLOW_CONTROL_ERROR);
    await client.closed();
  });

  test('an upload beyond the window that was given', async () => {
    origin.respond = () => {};
    const client = await RawHttp2.connect(port);
    client.headers(1, POST, false);
    await client.settled();
    const piece = Buffer.alloc(16_384, 'x');
    // So that nothing goes on and no credit comes back.
    for (const { socket } of origin.connections) socket.pause();
    for (let index = 0; index < 2000; index++) client.data(1, piece);
    await client.until(() => client.frames.some(({ type }) => type === 3 || type === 7));
    const end = client.frames.find(({ type }) => type === 3 || type === 7)!;
    expect(end.payload.readUInt32BE(end.type === 3 ? 0 : 4)).toBe(FLOW_CONTROL_ERROR);
    client.socket.destroy();
  });

  test('an upload to a server that does not read is stopped by its window, and costs little', async () => {
    await using lazy = await RecordingOrigin.start((connection) => connection.socket.pause());
    await using other = await startRouter({ install: simpleInstall(lazy.port) });
    const client = await RawHttp2.connect(other.ports['web']!);
    const ids = Array.from({ length: 20 }, (_, index) => index * 2 + 1);
    for (const id of ids) client.headers(id, POST, false);
    await lazy.until(() => lazy.connections.length === 20);
    await client.settled();
    const before = residentMb(other.pid);
    // As a well-behaved client: within what it was given.
    const windows = new Map(ids.map((id) => [id, 256 * 1024]));
    let connection = 65_535;
    let seen = 0;
    const piece = Buffer.alloc(16_384, 'x');
    let idle = 0;
    while (idle < 3) {
      let sent = 0;
      for (const [id, window] of windows) {
        if (window < piece.length || connection < piece.length) continue;
        client.data(id, piece);
        windows.set(id, window - piece.length);
        connection -= piece.length;
        sent++;
      }
      await client.settled();
      for (; seen < client.frames.length; seen++) {
        const { type, streamId, payload } = client.frames[seen]!;
        if (type !== 8) continue;
        if (streamId === 0) connection += payload.readUInt32BE();
        else windows.set(streamId, windows.get(streamId)! + payload.readUInt32BE());
      }
      idle = sent === 0 ? idle + 1 : 0;
    }
    expect(residentMb(other.pid) - before).toBeLessThan(32);
    client.socket.destroy();
  });
});

describe('61-65 malformed requests', () => {
  const without = (name: string): FieldPair[] => GET.filter(([one]) => one !== name);
  test.each([
    ['an unknown pseudo-header', [...GET, [':proto', 'x']]],
    ['a pseudo-header of responses', [...GET, [':status', '200']]],
    ['a pseudo-header twice', [...GET, [':path', '/']]],
    ['a pseudo-header behind a field', [...without(':path'), ['x', 'y'], [':path', '/']]],
    ['no method', without(':method')],
    ['no scheme', without(':scheme')],
    ['no path', without(':path')],
    ['an empty path', [...without(':path'), [':path', '']]],
    ['a scheme that is none', [...without(':scheme'), [':scheme', 'http evil']]],
    ['another scheme', [...without(':scheme'), [':scheme', 'ftp']]],
    ['CONNECT with a path', [[':method', 'CONNECT'], ...GET.slice(1)]],
    ['CONNECT without an authority', [[':method', 'CONNECT']]],
    ['a protocol without CONNECT', [...GET, [':protocol', 'websocket']]],
    ['62 an upper-case name', [...GET, ['X-A', 'b']]],
    ['62 connection', [...GET, ['connection', 'close']]],
    ['62 transfer-encoding (H2.TE)', [...GET, ['transfer-encoding', 'chunked']]],
    ['62 upgrade', [...GET, ['upgrade', 'websocket']]],
    ['62 keep-alive', [...GET, ['keep-alive', '5']]],
    ['62 te with more than trailers', [...GET, ['te', 'trailers, deflate']]],
    ['62 a line break in a value', [...GET, ['x', 'a\r\nTransfer-Encoding: chunked']]],
    ['62 a line feed in a value', [...GET, ['x', 'a\nb']]],
    ['62 NUL in a value', [...GET, ['x', 'a\0b']]],
    ['62 a space before a value', [...GET, ['x', ' a']]],
    ['62 a line break in a name', [...GET, ['x: y\r\nz', 'a']]],
    ['62 a space in a name', [...GET, ['x y', 'a']]],
    ['62 a line break in the path', [...without(':path'), [':path', '/ HTTP/1.1\r\nX: y']]],
    ['62 a line break in the authority', [...without(':authority'), [':authority', 'a\r\nX: y']]],
    ['62 a line break in the method', [...without(':method'), [':method', 'GET / HTTP/1.1\r\nX: y']]],
    ['63 a length without a body', [...GET, ['content-length', '5']]],
    ['63 two lengths', [...GET, ['content-length', '0'], ['content-length', '0']]],
    ['63 a length that is none', [...GET, ['content-length', '+0']]],
  ] as [string, FieldPair[]][])('%s', async (_, fields) => {
    const client = await RawHttp2.connect(port);
    client.headers(1, fields);
    expect(await client.reset(1)).toBe(PROTOCOL_ERROR);
    client.headers(3, GET);
    expect(await client.status(3)).toBe('200');
    expect(origin.received).not.toMatch(/evil|X: y|chunked/);
    client.socket.destroy();
  });

  test.each([
    ['63 more DATA than content-length (H2.CL)', '3', 'abcGET /evil HTTP/1.1\r\n\r\n'],
    ['63 less DATA than content-length', '300', 'abc'],
    ['63 DATA where there should be none', '0', 'GET /evil HTTP/1.1\r\n\r\n'],
  ])('%s', async (_, length, body) => {
    origin.respond = () => {};
    const client = await RawHttp2.connect(port);
    client.headers(1, [...POST, ['content-length', length]], false);
    await client.settled();
    client.data(1, body, true);
    expect(await client.reset(1)).toBe(PROTOCOL_ERROR);
    await origin.until(() => origin.connections.every(({ isClosed }) => isClosed));
    expect(origin.received).not.toContain('evil');
    client.socket.destroy();
  });

  test('trailers with a pseudo-header, and trailers that are none for not ending the stream', async () => {
    origin.respond = () => {};
    const client = await RawHttp2.connect(port);
    client.headers(1, POST, false);
    client.send(frame(1, 5, 1, block([[':path', '/evil']])));
    expect(await client.reset(1)).toBe(PROTOCOL_ERROR);
    client.headers(3, POST, false);
    client.send(frame(1, 4, 3, block([['x', 'y']])));
    expect(await client.reset(3)).toBe(PROTOCOL_ERROR);
    client.socket.destroy();
  });

  test('trailers that would mean something to a server', async () => {
    origin.respond = () => {};
    const client = await RawHttp2.connect(port);
    client.headers(1, POST, false);
    client.data(1, 'x');
    client.send(frame(1, 5, 1, block([['content-length', '5']])));
    expect(await client.status(1)).toBe('400');
    client.socket.destroy();
  });
});

describe('66 stream numbers', () => {
  test.each([
    ['an even one', (client: RawHttp2) => client.headers(2, GET), PROTOCOL_ERROR],
    ['one that goes back', (client: RawHttp2) => (client.headers(5, GET), client.headers(3, GET)), PROTOCOL_ERROR],
    ['DATA for one that never was', (client: RawHttp2) => client.data(1, 'x'), PROTOCOL_ERROR],
    ['RST_STREAM for one that never was', (client: RawHttp2) => client.send(frame(3, 0, 1, uint32(0))), PROTOCOL_ERROR],
    ['WINDOW_UPDATE for one that never was', (client: RawHttp2) => client.send(frame(8, 0, 1, uint32(1))), PROTOCOL_ERROR],
    ['a push', (client: RawHttp2) => client.send(frame(5, 4, 1, Buffer.from('0000000282', 'hex'))), PROTOCOL_ERROR],
  ] as const)('%s', async (_, send, code) => {
    const client = await RawHttp2.connect(port);
    send(client);
    expect(await client.goaway()).toBe(code);
    await client.closed();
  }); // prettier-ignore

  test('a number used again', async () => {
    const client = await RawHttp2.connect(port);
    client.headers(1, GET);
    await client.ended(1);
    client.headers(1, GET);
    expect(await client.goaway()).toBe(5);
    await client.closed();
  });
});

describe('68-72 slow clients and large bodies', () => {
  const limited = (timeouts: string, limits = ''): string =>
    `    transport: { respondingTimeouts: { ${timeouts} }, limits: { ${limits} } }`;

  test('a preface, a frame or a header block that does not end in time', async () => {
    await using other = await startRouter({
      install: simpleInstall(origin.port, '', limited('headerTimeout: 2s')),
    });
    const at = other.ports['web']!;
    const silent = await RawHttp2.bare(at);
    silent.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM'));
    const partial = await RawHttp2.connect(at);
    partial.send(frame(6, 0, 0, '12345678').subarray(0, 12));
    const unfinished = await RawHttp2.connect(at);
    unfinished.send(frame(1, 0, 1, block(GET)));
    const dribbling = await RawHttp2.connect(at);
    const head = frame(1, 5, 1, block([...GET, ['x', 'y'.repeat(1000)]]));
    let sent = 0;
    const drip = setInterval(() => dribbling.send(head.subarray(sent, ++sent)), 10);
    await Promise.all([silent.closed(), partial.closed(), unfinished.closed(), dribbling.closed()]);
    clearInterval(drip);
    expect(partial.frames.some(({ type }) => type === 7)).toBe(true);
  });

  test('a request body that pauses is answered 408 and cancels the upstream', async () => {
    origin.respond = () => {};
    await using other = await startRouter({ install: simpleInstall(origin.port, '', limited('readTimeout: 2s')) });
    const client = await RawHttp2.connect(other.ports['web']!);
    client.headers(1, POST, false);
    client.data(1, 'some');
    expect(await client.status(1)).toBe('408');
    expect(await client.reset(1)).toBe(0);
    await origin.until(() => origin.connections[0]!.isClosed);
    client.socket.destroy();
  });

  test('a request that takes too long as a whole', async () => {
    origin.respond = () => {};
    await using other = await startRouter({
      install: simpleInstall(origin.port, '', limited('readTotalTimeout: 300ms')),
    });
    const client = await RawHttp2.connect(other.ports['web']!);
    client.headers(1, POST, false);
    const drip = setInterval(() => client.data(1, 'x'), 40);
    expect(await client.status(1)).toBe('408');
    clearInterval(drip);
    client.socket.destroy();
  });

  test('a body beyond the limit is answered 413, announced or not', async () => {
    await using other = await startRouter({ install: simpleInstall(origin.port, '', limited('', 'maxBodyBytes: 1000')) });
    const client = await RawHttp2.connect(other.ports['web']!);
    client.headers(1, [...POST, ['content-length', '1001']], false);
    expect(await client.status(1)).toBe('413');
    origin.respond = () => {};
    client.headers(3, POST, false);
    client.data(3, 'x'.repeat(1001));
    expect(await client.status(3)).toBe('413');
    client.socket.destroy();
  }); // prettier-ignore

  test('an idle connection is told and closed', async () => {
    await using other = await startRouter({ install: simpleInstall(origin.port, '', limited('idleTimeout: 2s')) });
    const client = await RawHttp2.connect(other.ports['web']!);
    client.headers(1, GET);
    expect(await client.status(1)).toBe('200');
    expect(await client.goaway()).toBe(0);
    await client.closed();
  });

  test('a tunnel without a byte', async () => {
    await using other = await startRouter({
      install: simpleInstall(origin.port, '', limited('tunnelIdleTimeout: 200ms')),
    });
    const { createHash } = await import('node:crypto');
    origin.respond = (connection, bytes) => {
      const key = /Sec-WebSocket-Key: (\S+)/.exec(bytes)![1]!;
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      connection.socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    };
    const client = await RawHttp2.connect(other.ports['web']!);
    client.headers(1, [[':method', 'CONNECT'], [':protocol', 'websocket'], ...GET.slice(1)], false);
    expect(await client.status(1)).toBe('200');
    expect(await client.reset(1)).toBe(CANCEL);
    await origin.until(() => origin.connections[0]!.isClosed);
    client.socket.destroy();
  });
});
