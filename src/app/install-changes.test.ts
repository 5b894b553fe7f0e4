import { expect, test } from 'vitest';
import { parseConfig } from '../controlplane/config/document/document.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { decodeInstall } from '../controlplane/config/install/load-install.ts';
import { installOptions } from '../controlplane/config/install/install-options.ts';
import { isLiveOption } from '../schema/live-option.ts';
import type { Schema } from '../schema/schema.ts';
import { setAt } from '../schema/set-at.ts';
import { waitingForRestart, withLiveOptions } from './install-changes.ts';

const BASE = 'entryPoints:\n  web:\n    address: ":80"\nlog:\n  level: info\napi: {}\n';

function waiting(before: string, after: string): readonly string[] {
  return waitingForRestart(parseConfig('a.yml', before), parseConfig('a.yml', after)).map(
    ({ path, line, message }) => `${path}:${line} ${message.split(';')[0]!}`,
  );
}

test('what takes effect at once is not mentioned', () => {
  const after = BASE.replace(':80', ':81')
    .replace('info', 'debug')
    .concat('serversTransport: { maxIdleConnsPerHost: 7 }\nproviders: { precedence: [file] }\nhttp: { routers: {} }\n')
    .replace('log:', 'LOG:');
  expect(waiting(BASE, after)).toEqual([]);
});

test('what waits for the next start is named with its place', () => {
  const after = BASE.replace('api: {}', 'api:\n  token: x').concat('accessLog: {}\n');
  expect(waiting(BASE, after)).toEqual(['api.token:7 this option is new', 'accessLog:8 this option is new']);
  expect(waiting(after, after)).toEqual([]);
});

test('the internal entry point is opened at start', () => {
  const after = BASE.replace('log:', '  traefik:\n    address: ":9000"\nlog:');
  expect(waiting(BASE, after)).toEqual(['entryPoints.traefik.address:5 this option is new']);
});

const TWO = 'entryPoints: { web: { address: ":80" }, other: { address: ":81" } }\n';
/** One of them is a value of any option that has no parts. */
const VALUES: readonly unknown[] = [true, false, 'debug', 'v2', 'json', 'drop', 7, '90s', '3.9', ':90', '/x', ['x'], 'x', ['200'], { x: 'keep' }, ['AES'], 'https://x.test/', [1]]; // prettier-ignore

/** Paths of the options without parts, of which this program has an implementation. */
function leaves(schema: Schema<unknown>, path: readonly string[]): (readonly string[])[] {
  if (schema.fields === null) {
    return schema.item?.fields == null || schema.itemSuffix === '[]' ? [path] : leaves(schema.item, [...path, 'web']);
  }
  return Object.entries(schema.fields)
    .filter(([, field]) => field.later === null)
    .flatMap(([name, field]) => leaves(field.schema, [...path, name]));
}

/** What a change would have to change; functions are left out. */
function comparable(install: InstallConfig): string {
  return JSON.stringify(install, (_key, value: unknown) => (value instanceof Set ? [...value] : value));
}

test('an option that the schema calls live changes what is in force, and no other one does', () => {
  const before = decodeInstall('a.yml', TWO).value!;
  const tried: string[] = [];
  const wrong: string[] = [];
  for (const path of leaves(installOptions, [])) {
    for (const value of VALUES) {
      const tree = setAt(installOptions, path, value, parseConfig('a.yml', TWO).value);
      const { value: after, diagnostics } = decodeInstall('a.yml', JSON.stringify(tree));
      if (after === null || diagnostics.length > 0 || comparable(after) === comparable(before)) continue;
      tried.push(path.join('.'));
      const now = withLiveOptions(before, after);
      const hasChanged = comparable(now) === comparable(after);
      const hasStayed = comparable(now) === comparable(before);
      if (hasChanged === hasStayed || hasChanged !== isLiveOption(installOptions, path)) wrong.push(path.join('.'));
      break;
    }
  }
  expect(wrong).toEqual([]);
  expect(tried.length).toBeGreaterThan(90);
});
