import { expect, test } from 'vitest';
import { SignalboxError, type ErrorCode } from '../../core/errors.ts';
import type { bindSocket, SocketHandle } from '../../dataplane/net/listening-socket.ts';
import { openPorts } from './ports.ts';

const TAKEN = 'ERR_LISTEN_ADDRESS_IN_USE';
const FORBIDDEN = 'ERR_LISTEN_PERMISSION';
const FAILED = 'ERR_LISTEN_FAILED';

/** A machine on which some addresses cannot be had; `open` are those that are. */
function machine(refused: Readonly<Record<string, ErrorCode>>): { bind: typeof bindSocket; open: Set<string> } {
  const open = new Set<string>();
  return {
    open,
    bind(_, address) {
      const { host } = address;
      const port = address.port === 0 ? 50_000 + open.size : address.port;
      const name = `${host}:${port}`;
      const code = refused[name] ?? refused[host];
      if (code !== undefined) return Promise.reject(new SignalboxError(code, `${name} ${code}`));
      open.add(name);
      const handle: SocketHandle = { fd: 0, close: () => void open.delete(name), getsockname: () => 0 };
      return Promise.resolve({ handle, address: { ...address, port } });
    },
  };
}

test('the ports of browsers, of both families', async () => {
  const { bind, open } = machine({});
  const { https, http, remarks } = await openPorts(undefined, undefined, bind);
  expect([https.port, http?.port, remarks]).toEqual([443, 80, []]);
  expect([...open]).toEqual(['127.0.0.1:443', '::1:443', '127.0.0.1:80', '::1:80']);
});

test('others where those cannot be had, with the reason', async () => {
  const forbidden = machine({ '127.0.0.1:443': FORBIDDEN, '127.0.0.1:80': FORBIDDEN, '127.0.0.1:8080': TAKEN });
  const { https, http, remarks } = await openPorts(undefined, undefined, forbidden.bind);
  expect([https.port, http]).toEqual([8443, null]);
  expect(remarks).toEqual([
    'port 443 is not allowed to this user (below 1024 it takes root, or CAP_NET_BIND_SERVICE): HTTPS is on 8443',
    'port 80 is not allowed to this user (below 1024 it takes root, or CAP_NET_BIND_SERVICE); port 8080 is taken by another program: nothing sends http:// to https://',
  ]);
});

test('a port that another program has for IPv6 is that program’s: browsers would come to it', async () => {
  const { bind, open } = machine({ '::1:443': TAKEN });
  expect((await openPorts(undefined, undefined, bind)).https.port).toBe(8443);
  expect(open.has('127.0.0.1:443')).toBe(false);
});

test('without IPv6 there is IPv4', async () => {
  const { bind, open } = machine({ '::1': FAILED });
  const { https, remarks } = await openPorts(undefined, undefined, bind);
  expect([https.port, https.sockets.length, remarks]).toEqual([443, 1, []]);
  expect([...open]).toEqual(['127.0.0.1:443', '127.0.0.1:80']);
});

test('ports that are named are those or none, and nothing stays open', async () => {
  const { bind, open } = machine({ '127.0.0.1:9443': TAKEN, '127.0.0.1:9080': FAILED });
  await expect(openPorts(9443, undefined, bind)).rejects.toThrow(
    'nowhere to listen for HTTPS: port 9443 is taken by another program. Name a port that is free with --port',
  );
  await expect(openPorts(9444, 9080, bind)).rejects.toThrow(
    'port 9080 cannot be had (127.0.0.1:9080 ERR_LISTEN_FAILED). Name another one with --http-port, or leave it out',
  );
  expect([...open]).toEqual([]);
  const any = await openPorts(0, 0, bind);
  expect([any.https.sockets.length, any.https.port]).toEqual([2, 50_000]);
});

test('nowhere to listen', async () => {
  const { bind } = machine({ '127.0.0.1:443': FORBIDDEN, '127.0.0.1:8443': TAKEN });
  await expect(openPorts(undefined, undefined, bind)).rejects.toThrow(/port 443 is not allowed .*; port 8443 is taken/);
});
