import { expect, test } from 'vitest';
import { hostLookup, NoSuchName, type NameServers } from './host-lookup.ts';
import { parseNameFiles } from './name-files.ts';

type Answers = Readonly<Record<string, readonly string[] | string>>;

/** `answers` by `name/family`: addresses, or the code of an error; what is not there does not exist. */
function serversOf(answers: Answers, asked: string[] = []): NameServers {
  const ask = (name: string, family: 4 | 6): Promise<string[]> => {
    if (family === 4) asked.push(name);
    const answer = answers[`${name}/${family}`] ?? 'ENOTFOUND';
    if (answer === 'never') return new Promise(() => {});
    if (typeof answer !== 'string') return Promise.resolve([...answer]);
    return Promise.reject(Object.assign(new Error(`query ${answer}`), { code: answer }));
  };
  return { resolve4: (name) => ask(name, 4), resolve6: (name) => ask(name, 6) };
}

interface Setting {
  readonly hosts?: string;
  readonly resolv?: string;
  readonly nsswitch?: string;
  readonly asked?: string[];
}

function lookupWith(answers: Answers, { hosts = '', resolv = '', nsswitch = '', asked = [] }: Setting = {}) {
  const rules = parseNameFiles({ hosts, resolv, nsswitch });
  const servers = serversOf(answers, asked);
  return hostLookup({
    rules: () => rules,
    nameServers: () => servers,
    systemLookup: () => Promise.resolve([{ host: '127.9.9.9', family: 4 }]),
  });
}

const hostsOf = async (found: Promise<readonly { readonly host: string }[]>): Promise<string[]> =>
  (await found).map(({ host }) => host);

test('knows both families, and one without the other', async () => {
  const lookUp = lookupWith({ 'a/4': ['127.0.0.1'], 'a/6': ['::1'], 'b/6': ['::2'], 'b/4': 'ENODATA' });
  expect(await hostsOf(lookUp('a'))).toEqual(['127.0.0.1', '::1']);
  expect(await hostsOf(lookUp('b'))).toEqual(['::2']);
});

test('the hosts file goes first, and localhost never to a server', async () => {
  const asked: string[] = [];
  const lookUp = lookupWith({}, { hosts: '127.0.0.7 app', asked });
  expect(await hostsOf(lookUp('APP'))).toEqual(['127.0.0.7']);
  expect(await hostsOf(lookUp('localhost'))).toEqual(['127.0.0.1', '::1']);
  expect(await hostsOf(lookUp('x.localhost'))).toEqual(['127.0.0.1', '::1']);
  expect(asked).toEqual([]);
});

test('searches as resolv.conf says: short names in the suffixes first, names with enough dots as they are first', async () => {
  const asked: string[] = [];
  const resolv = 'search ns.svc.cluster.local svc.cluster.local\noptions ndots:2';
  const lookUp = lookupWith({ 'app.svc.cluster.local/4': ['127.0.0.3'], 'a.b.c/4': ['127.0.0.4'] }, { resolv, asked });
  expect(await hostsOf(lookUp('app'))).toEqual(['127.0.0.3']);
  expect(await hostsOf(lookUp('a.b.c'))).toEqual(['127.0.0.4']);
  await expect(lookUp('app.')).rejects.toThrow(NoSuchName);
  expect(asked).toEqual(['app.ns.svc.cluster.local', 'app.svc.cluster.local', 'a.b.c', 'app']);
});

test('tells a name that does not exist from servers that do not answer', async () => {
  const lookUp = lookupWith({ 'broken/4': 'ESERVFAIL', 'broken/6': 'ENODATA', 'refused/4': 'ECONNREFUSED' });
  await expect(lookUp('nowhere')).rejects.toThrow(NoSuchName);
  await expect(lookUp('broken')).rejects.toThrow('query ESERVFAIL');
  await expect(lookUp('broken')).rejects.not.toThrow(NoSuchName);
  await expect(lookUp('refused')).rejects.not.toThrow(NoSuchName);
});

test('does not wait for a family that is never answered', async () => {
  const lookUp = lookupWith({ 'a/4': ['127.0.0.1'], 'a/6': 'never' });
  expect(await hostsOf(lookUp('a'))).toEqual(['127.0.0.1']);
});

test('asks the system where it has sources of its own', async () => {
  const lookUp = lookupWith({}, { nsswitch: 'hosts: files mdns4_minimal [NOTFOUND=return] dns' });
  expect(await hostsOf(lookUp('printer.local'))).toEqual(['127.9.9.9']);
});
