import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecordingLog } from '../../../test/support/recording-log.ts';
import { findAuthority, openAuthority } from './authority-directory.ts';
import { LocalCertificates } from './local-certificates.ts';

const DAY_MS = 86_400_000;

let directory: string;
let now: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-local-'));
  now = Date.parse('2026-05-01T00:00:00Z');
});

afterEach(() => rmSync(directory, { recursive: true }));

function create(
  names: readonly string[] = [],
  log = new RecordingLog(),
  place: string | null = directory,
): LocalCertificates {
  return new LocalCertificates({ directory: place, names, clock: { wall: () => now }, log });
}

test('each host has its own, but for those of one machine', () => {
  const local = create();
  const made = local.certificatesFor(['127.0.0.7', 'a.localhost', 'b.localhost', 'localhost']);
  expect(made.map(({ hosts }) => hosts)).toEqual([
    ['localhost', '127.0.0.1', '::1', '127.0.0.7'],
    ['a.localhost'],
    ['b.localhost'],
  ]);
  const root = new X509Certificate(findAuthority(directory)!.certificate);
  expect(made.every(({ certificate }) => new X509Certificate(certificate).verify(root.publicKey))).toBe(true);
  expect(made.map(({ keyType, isDefault }) => `${keyType} ${isDefault}`)).toEqual(Array(3).fill('ec false'));
});

test('they stay while they are good, and are renewed long before they end', () => {
  const local = create();
  const [first] = local.certificatesFor(['a.localhost']);
  now += 4 * DAY_MS;
  expect(local.isDue).toBe(false);
  expect(local.certificatesFor(['a.localhost', 'b.localhost'])[0]).toBe(first);
  now += 2 * DAY_MS;
  expect(local.isDue).toBe(true);
  const [renewed, later] = local.certificatesFor(['a.localhost', 'b.localhost']);
  expect(renewed!.name).not.toBe(first!.name);
  expect(renewed!.notAfter - now).toBe(14 * DAY_MS);
  expect(later!.notAfter).toBe(first!.notAfter + 4 * DAY_MS);
});

test('another authority in the place of the one before issues them anew', () => {
  const local = create();
  const [first] = local.certificatesFor(['a.localhost']);
  openAuthority(directory, ['app.test'], now);
  expect(local.isDue).toBe(true);
  const [second] = local.certificatesFor(['a.localhost']);
  expect(new X509Certificate(second!.certificate).issuer).not.toBe(new X509Certificate(first!.certificate).issuer);
  expect(local.isDue).toBe(false);
});

test('names that were asked for are certified, and no others', () => {
  const local = create(['app.test']);
  expect(['app.test', 'x.localhost', 'b.test'].map((host) => local.certifies(host))).toEqual([true, true, false]);
  expect(local.certificatesFor(['app.test'])[0]!.hosts).toEqual(['app.test']);
  expect(findAuthority(directory)!.names).toEqual(['app.test']);
});

test('nobody asks, nothing is made', () => {
  const local = create();
  expect(local.certificatesFor([])).toEqual([]);
  expect(local.isDue).toBe(false);
  expect(findAuthority(directory)).toBe(null);
});

function warnings(log: RecordingLog): readonly string[] {
  return log.records.filter(({ level }) => level === 'warn').map(({ message }) => message);
}

test('without a place, or with one that cannot be used, the log says so once and routers go on', () => {
  const log = new RecordingLog();
  const homeless = create([], log, null);
  expect(homeless.certificatesFor(['localhost'])).toEqual([]);
  expect(homeless.certificatesFor(['localhost'])).toEqual([]);
  expect(homeless.isDue).toBe(false);
  expect(warnings(log)).toHaveLength(1);
  expect(warnings(log)[0]).toMatch(/set HOME, XDG_DATA_HOME or state\.directory/);
  const other = new RecordingLog();
  writeFileSync(join(directory, 'authority-1.json'), '', { mode: 0o600 });
  expect(create([], other).certificatesFor(['localhost'])).toEqual([]);
  expect(warnings(other)).toHaveLength(1);
});
