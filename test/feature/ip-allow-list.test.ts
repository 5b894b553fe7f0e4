// ipAllowList and ipWhiteList through the built program.

import { expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { ask, installWithMiddlewares } from '../support/middlewares.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter } from '../support/router.ts';

const origin = await forFile(RecordingOrigin.start());
const install = installWithMiddlewares(origin.port, {
  local: { ipAllowList: { sourceRange: ['127.0.0.0/8', '::1'] } },
  other: { ipAllowList: { sourceRange: ['10.0.0.0/8'] } },
  hidden: { ipAllowList: { sourceRange: ['10.0.0.1'], rejectStatusCode: 404 } },
  old: { ipWhiteList: { sourceRange: ['10.0.0.1'] } },
  depth: { ipAllowList: { sourceRange: ['10.0.0.1'], ipStrategy: { depth: 2 } } },
  behind: { ipAllowList: { sourceRange: ['10.0.0.1'], ipStrategy: { excludedIPs: ['192.168.0.0/16'] } } },
  subnet: { ipAllowList: { sourceRange: ['2001:db8::'], ipStrategy: { depth: 1, ipv6Subnet: 32 } } },
});
const router = await forFile(startRouter({ install }));

async function status(name: string, forwardedFor = '', entryPoint = 'trusted'): Promise<number> {
  const fields = forwardedFor === '' ? '' : `X-Forwarded-For: ${forwardedFor}\r\n`;
  return (await ask(router.ports[entryPoint]!, name, '/', { fields })).status;
}

test('lets listed addresses pass and answers others with the status given', async () => {
  expect(await status('local')).toBe(200);
  expect(await status('other')).toBe(403);
  expect(await status('hidden')).toBe(404);
  expect(await status('old')).toBe(403);
  expect((await ask(router.ports['web']!, 'other', '/')).body).toBe('Forbidden');
  expect(origin.connections).toHaveLength(1);
});

test('without a strategy nothing a client says counts', async () => {
  expect(await status('other', '10.0.0.1')).toBe(403);
});

test('a strategy takes the address from the list of a trusted proxy only', async () => {
  expect(await status('depth', '1.1.1.1, 10.0.0.1, 192.168.0.1')).toBe(200);
  expect(await status('depth', '10.0.0.1, 1.1.1.1, 192.168.0.1')).toBe(403);
  expect(await status('depth', '10.0.0.1')).toBe(403);
  expect(await status('depth')).toBe(403);
  expect(await status('depth', '1.1.1.1, 10.0.0.1, 192.168.0.1', 'web')).toBe(403);
  expect(await status('behind', '10.0.0.1, 192.168.0.1, 192.168.0.2')).toBe(200);
  expect(await status('behind', '10.0.0.1, 1.1.1.1, 192.168.0.2')).toBe(403);
  expect(await status('subnet', '2001:db8:1234::9')).toBe(200);
  expect(await status('subnet', '2001:db9::')).toBe(403);
});

test('the old name works and says so', () => {
  expect(router.stderr()).toContain('ipWhiteList is deprecated; its new name is ipAllowList');
});
