import { expect, test } from 'vitest';
import { parseNameFiles } from './name-files.ts';

test('reads hosts, resolv.conf and nsswitch.conf', () => {
  const rules = parseNameFiles({
    hosts:
      '127.0.0.1 localhost\n::1 localhost ip6-localhost # loopback\n# 9.9.9.9 no\n10.0.0.1\tApp app.lan\n10.0.0.1 app\n',
    resolv:
      'nameserver 10.0.0.53\ndomain a.test\nsearch svc.cluster.local. lan ; two\noptions rotate ndots:5 timeout:1\n',
    nsswitch: 'passwd: files\nhosts:  files mdns4_minimal [NOTFOUND=return] dns\n',
  });
  expect(Object.fromEntries(rules.hosts)).toEqual({
    localhost: ['127.0.0.1', '::1'],
    'ip6-localhost': ['::1'],
    app: ['10.0.0.1'],
    'app.lan': ['10.0.0.1'],
  });
  expect(rules.search).toEqual(['svc.cluster.local', 'lan']);
  expect(rules.ndots).toBe(5);
  expect(rules.hasOtherSources).toBe(true);
});

test('takes what is not there for empty', () => {
  const rules = parseNameFiles({ hosts: '', resolv: '', nsswitch: '' });
  expect(rules).toEqual({ hosts: new Map(), search: [], ndots: 1, hasOtherSources: false });
  expect(parseNameFiles({ hosts: '', resolv: '', nsswitch: 'hosts: files dns myhostname' }).hasOtherSources).toBe(
    false,
  );
});
