import { expect, test } from 'vitest';
import type { Log } from '../core/log.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { EventBus } from '../observe/event-bus.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { ShownDiagnostics } from './shown-diagnostics.ts';

function diagnostic(message: string): Diagnostic {
  return { severity: 'error', code: 'unknown-option', message, source: 'a.yml', path: 'http', line: 1, column: 1 };
}

function rig(format: 'common' | 'json'): {
  readonly shown: ShownDiagnostics;
  readonly told: (readonly [messages: readonly string[], isRunning: boolean])[];
  readonly logged: string[];
} {
  const told: [readonly string[], boolean][] = [];
  const logged: string[] = [];
  const line = (message: string): void => void logged.push(message);
  const log: Log = { debug: line, info: line, warn: line, error: line };
  // The part of an install configuration that is looked at.
  const install = { log: { level: 'info', format, filePath: '' } } as unknown as InstallConfig;
  const shown = new ShownDiagnostics({
    install,
    log,
    events: new EventBus(() => 0),
    show: (found, isRunning) => told.push([found.map(({ message }) => message), isRunning]),
  });
  return { shown, told, logged };
}

test('each diagnostic is told once for as long as it stays, and again when it comes back', () => {
  const { shown, told } = rig('common');
  shown.update([diagnostic('a')]);
  shown.update([diagnostic('a'), diagnostic('b')]);
  shown.update([diagnostic('b')]);
  shown.update([diagnostic('a'), diagnostic('b')]);
  expect(told.map(([messages]) => messages)).toEqual([['a'], ['b'], ['a']]);
});

test('while the router starts a log for people says nothing of them, and everything from then on', () => {
  const { shown, told, logged } = rig('common');
  shown.atStart([diagnostic('of the install configuration')]);
  shown.update([diagnostic('a')]);
  expect(logged).toEqual([]);
  shown.isRunning = true;
  shown.update([diagnostic('b')]);
  expect(logged).toHaveLength(1);
  expect(told).toEqual([
    [['a'], false],
    [['b'], true],
  ]);
});

test('a log for machines has all of them from the start', () => {
  const { shown, logged } = rig('json');
  shown.atStart([diagnostic('of the install configuration')]);
  shown.update([diagnostic('a')]);
  expect(logged).toHaveLength(2);
});

test('a refused install configuration is told every time', () => {
  const { shown, told } = rig('common');
  shown.refused([diagnostic('a')]);
  shown.refused([diagnostic('a')]);
  expect(told).toHaveLength(2);
});
