// Error pages of another service, through the running router.

import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin, type Respond } from '../support/recording-origin.ts';
import { RestRouter } from '../support/rest-router.ts';

/** Answers with the status in the path, a body that nobody should see, and a field likewise. */
const failing: Respond = ({ socket }, bytes) => {
  const [, status = '500'] = /^\w+ \/(\d{3})/.exec(bytes) ?? [];
  const body = status === '204' ? '' : 'secret stack trace';
  socket.write(`HTTP/1.1 ${status} Whatever\r\nX-Inner: yes\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
};

const pages: Respond = ({ socket }, bytes) => {
  const path = /^\w+ (\S+)/.exec(bytes)![1]!;
  const body = `page ${path}`;
  const head = `HTTP/1.1 200 OK\r\nX-Page: yes\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\n\r\n`;
  socket.write(bytes.startsWith('HEAD') ? head : head + body);
};

interface Lab extends AsyncDisposable {
  readonly service: RecordingOrigin;
  readonly pages: RecordingOrigin;
  readonly router: RestRouter;
}

async function lab(options: object = {}, extra: { outer?: object; middlewares?: object } = {}): Promise<Lab> {
  const service = await RecordingOrigin.start(failing);
  const pageOrigin = await RecordingOrigin.start(pages);
  const server = (port: number): object => ({ loadBalancer: { servers: [{ url: `http://127.0.0.1:${port}` }] } });
  const outer = Object.keys(extra.middlewares ?? {});
  const router = await RestRouter.start({
    routers: { all: { rule: 'PathPrefix(`/`)', service: 's', entryPoints: ['web'], middlewares: [...outer, 'pages'] } },
    services: { s: server(service.port), pages: server(pageOrigin.port) },
    middlewares: {
      pages: {
        errors: {
          status: ['404', '500-599'],
          service: 'pages',
          query: '/{status}.html?from={originalStatus}&url={url}',
          ...options,
        },
      },
      ...extra.middlewares,
    },
  });
  return {
    service,
    pages: pageOrigin,
    router,
    async [Symbol.asyncDispose]() {
      await router[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
      await pageOrigin[Symbol.asyncDispose]();
    },
  };
}

test('the page takes the place of body and fields, and the status stays', async () => {
  await using all = await lab();
  const { status, head, body } = await all.router.get('/503/x?a=b');
  expect([status, body]).toEqual([503, 'page /503.html?from=503&url=http%3A%2F%2Fa%2F503%2Fx%3Fa%3Db']);
  expect(head).toContain('X-Page: yes\r\n');
  expect(head).toContain('Content-Type: text/html\r\n');
  expect(head).not.toContain('X-Inner');
  for (const other of [200, 400, 403]) expect((await all.router.get(`/${other}`)).body).toBe('secret stack trace');
  expect((await all.router.get('/204')).status).toBe(204);
});

test('both services keep their connections over many errors', async () => {
  await using all = await lab();
  expect(await all.router.count(20)).toEqual({ 500: 20 });
  expect(all.service.connections).toHaveLength(1);
  expect(all.pages.connections).toHaveLength(1);
});

test('rewritten statuses', async () => {
  await using all = await lab({ statusRewrites: { '500-503': 500, '404': 200 } });
  expect(await all.router.get('/502')).toMatchObject({
    status: 500,
    body: 'page /500.html?from=502&url=http%3A%2F%2Fa%2F502',
  });
  expect(await all.router.get('/404')).toMatchObject({
    status: 200,
    body: 'page /200.html?from=404&url=http%3A%2F%2Fa%2F404',
  });
  expect((await all.router.get('/504')).status).toBe(504);
});

test('the page is asked with the fields of the request, without body and conditions', async () => {
  await using all = await lab();
  const port = all.router.process.ports['web']!;
  const fields = 'X-One: 1\r\nCookie: a=b\r\nIf-None-Match: "x"\r\nRange: bytes=0-1\r\n';
  await RawClient.exchange(port, `POST /500 HTTP/1.1\r\nHost: shop\r\n${fields}Content-Length: 4\r\n\r\nbody`);
  expect(all.service.received).toContain('POST /500');
  expect(all.pages.received).toMatch(/^GET \/500\.html/);
  expect(all.pages.received).toContain('Host: shop\r\n');
  expect(all.pages.received).toContain('X-One: 1\r\nCookie: a=b\r\n');
  expect(all.pages.received).toContain('X-Forwarded-For: 127.0.0.1\r\n');
  expect(all.pages.received).not.toMatch(/content-length|none-match|range|body/i);
});

test('errorRequestHeaders names the fields that are sent', async () => {
  await using all = await lab({ errorRequestHeaders: ['x-two'] });
  await all.router.get('/500', 'X-One: 1\r\nX-Two: 2\r\n');
  expect(all.pages.received).toContain('X-Two: 2\r\n');
  expect(all.pages.received).not.toContain('X-One');
});

test('HEAD gets the head of the page', async () => {
  await using all = await lab();
  const client = await RawClient.connect(all.router.process.ports['web']!);
  client.send('HEAD /500 HTTP/1.1\r\nHost: a\r\n\r\n');
  const response = await client.response('HEAD');
  expect(response.status).toBe(500);
  expect(response.head).toMatch(/Content-Length: [1-9]/);
  client.send('GET /200 HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).status).toBe(200);
  client.socket.destroy();
});

test('answers of the router itself are replaced too, and the log keeps their flag', async () => {
  await using all = await lab();
  await all.service[Symbol.asyncDispose]();
  expect(await all.router.get('/x')).toMatchObject({
    status: 502,
    body: 'page /502.html?from=502&url=http%3A%2F%2Fa%2Fx',
  });
  await expect.poll(() => all.router.process.stdout()).toContain('"ResponseFlag":"upstream_connect_refused"');
});

test('without a page the client gets the status and a line of text', async () => {
  await using all = await lab();
  all.pages.respond = ({ socket }) => socket.destroy();
  const response = await all.router.get('/500');
  expect(response).toMatchObject({ status: 500, body: 'Internal Server Error\n' });
  expect(response.head).not.toContain('X-Inner');
  await expect.poll(() => all.router.process.stdout()).toContain('"ResponseFlag":"upstream_closed"');
  // The page service's own errors are its pages, whatever their status.
  all.pages.respond = ({ socket }) => socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno page');
  expect(await all.router.get('/500')).toMatchObject({ status: 500, body: 'no page' });
});

test('a page that breaks off is visibly broken', async () => {
  await using all = await lab();
  all.pages.respond = ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin', () => socket.destroy());
  };
  const client = await RawClient.connect(all.router.process.ports['web']!);
  client.send('GET /500 HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until(() => client.isClosed || client.isEnded);
  expect(client.received.endsWith('begin')).toBe(true);
  client.socket.destroy();
});

test('stages further out see the page, not the error', async () => {
  await using all = await lab(
    {},
    {
      middlewares: {
        tag: { headers: { customResponseHeaders: { 'X-Outer': 'yes' } } },
        small: { compress: { minResponseBodyBytes: 1 } },
      },
    },
  );
  const { head, body, status } = await all.router.get('/500', 'Accept-Encoding: gzip\r\n');
  expect(status).toBe(500);
  expect(head).toContain('X-Outer: yes\r\n');
  expect(head).toMatch(/Content-Encoding: gzip/i);
  const text = body.startsWith('\x1f\x8b') ? body : body.slice(body.indexOf('\r\n') + 2);
  expect(gunzipSync(Buffer.from(text, 'latin1'), { finishFlush: 2 }).toString()).toBe(
    'page /500.html?from=500&url=http%3A%2F%2Fa%2F500',
  );
});

test('a long error body is given up, an endless one as well', async () => {
  await using all = await lab();
  all.service.respond = ({ socket }) => {
    socket.write(
      `HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n${`4000\r\n${'x'.repeat(0x4000)}\r\n`.repeat(6)}`,
    );
  };
  expect((await all.router.get('/500')).body).toBe('page /500.html?from=500&url=http%3A%2F%2Fa%2F500');
  await all.service.until(() => all.service.connections.every(({ isClosed }) => isClosed));
});

test('a large page comes whole, and a client that leaves ends its service’s work', async () => {
  await using all = await lab();
  const size = 4 * 1024 * 1024;
  all.pages.respond = ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    socket.write(Buffer.alloc(size, 'p'));
  };
  expect((await all.router.get('/500')).body.length).toBe(size);
  all.pages.respond = ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin');
  const client = await RawClient.connect(all.router.process.ports['web']!);
  client.send('GET /500 HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until(() => client.received.endsWith('begin'));
  client.socket.destroy();
  await all.pages.until(() => all.pages.connections.every(({ isClosed }) => isClosed));
});

test('a service whose stage asks the service itself does not go round in circles', async () => {
  await using service = await RecordingOrigin.start(failing);
  const s = { loadBalancer: { servers: [{ url: `http://127.0.0.1:${service.port}` }], middlewares: ['pages'] } };
  const middlewares = { pages: { errors: { status: '500', service: 's', query: '/500' } } };
  await using router = await RestRouter.start({ services: { s }, middlewares });
  expect((await router.get('/500')).body).toBe('secret stack trace');
  expect(service.received.match(/GET/g)).toHaveLength(2);
});

test('what is wrong with its options is said', async () => {
  await using origin = await RecordingOrigin.start();
  const services = { s: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${origin.port}` }] } } };
  const routers = { r: { rule: 'PathPrefix(`/`)', service: 's', entryPoints: ['web'], middlewares: ['m'] } };
  await using router = await RestRouter.start({ services });
  const say = async (errors: object): Promise<string[]> =>
    (await router.put({ services, routers, middlewares: { m: { errors } } })).map(({ message }) => message);
  expect(await say({ service: 's' })).toContain('this option is required');
  expect(await say({ status: '500', service: 'nope' })).toContain(
    'the service "nope@rest" that it asks is not there or disabled',
  );
  expect(await say({ status: '599-500', service: 's' })).toEqual(
    expect.arrayContaining([expect.stringContaining('500-599')]),
  );
  expect(await say({ status: '500', service: 's', statusRewrites: { '404': 200 } })).toEqual([
    '"404" is not among the statuses that are replaced',
  ]);
  expect(await say({ status: '500', service: 's', statusRewrites: { x: 200 } })).toEqual(
    expect.arrayContaining(['"x" is no status or range such as 500-599; this entry is left out']),
  );
});

test('a page leaves the fields that the status needs', async () => {
  await using at = await lab({ status: ['400-599'], statusRewrites: { '403': 404 } });
  const fields: Readonly<Record<string, string>> = {
    401: 'WWW-Authenticate: Basic realm="a"\r\nWWW-Authenticate: Bearer\r\n',
    405: 'Allow: GET, PUT\r\n',
    416: 'Content-Range: bytes */9\r\n',
    426: 'Connection: Upgrade\r\nUpgrade: websocket\r\n',
    429: 'Retry-After: 7\r\n',
    503: 'Retry-After: 8\r\n',
    403: 'Retry-After: 9\r\n',
  };
  at.service.respond = ({ socket }, bytes) => {
    const [, status = ''] = /^\w+ \/(\d{3})/.exec(bytes) ?? [];
    socket.write(`HTTP/1.1 ${status} No\r\n${fields[status]}ETag: "x"\r\nContent-Length: 2\r\n\r\nno`);
  };
  for (const [status, lines] of Object.entries(fields)) {
    const { head, body } = await RawClient.exchange(
      at.router.process.ports['web']!,
      `GET /${status} HTTP/1.1\r\nHost: a\r\n\r\n`,
    );
    expect(body).toContain('page ');
    expect(head).not.toContain('ETag');
    for (const line of lines.trimEnd().split('\r\n')) {
      if (status === '403') expect(head).not.toContain(line);
      else expect(head).toContain(`\r\n${line}\r\n`);
    }
  }
});

test('text in the place of a page keeps the fields as well', async () => {
  await using at = await lab({ status: ['401', '405'] });
  await at.pages[Symbol.asyncDispose]();
  at.service.respond = ({ socket }) =>
    socket.write('HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n');
  const { status, head } = await RawClient.exchange(
    at.router.process.ports['web']!,
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  expect(status).toBe(401);
  expect(head).toContain('WWW-Authenticate: Basic\r\n');
});
