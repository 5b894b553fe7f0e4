import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { SourceStates } from './source-states.ts';

test('a source that goes and comes back is told of once each, with the age of what is served of it', () => {
  const clock = new ManualClock(1_000_000);
  const lines: string[] = [];
  const line = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const states = new SourceStates({ clock, log: { debug: line, info: line, warn: line, error: line } });
  const source = states.of('docker');
  expect(states.get('docker')).toBeUndefined();
  source.away('ECONNREFUSED');
  source.away('ECONNREFUSED');
  expect(states.get('docker')).toMatchObject({ isAway: true, reachedAtMs: null, awaySinceMs: 1_000_000 });
  clock.advance(5_000);
  source.reached();
  source.reached();
  expect(states.get('docker')).toEqual({ isAway: false, reason: '', reachedAtMs: 1_005_000, awaySinceMs: null });
  clock.advance(1_000);
  source.away('no answer');
  clock.advance(1_000);
  source.away('ECONNREFUSED');
  expect(states.get('docker')).toEqual({
    isAway: true,
    reason: 'ECONNREFUSED',
    reachedAtMs: 1_005_000,
    awaySinceMs: 1_006_000,
  });
  expect(lines).toEqual([
    'the source of a provider does not answer; nothing is known of it yet {"provider":"docker","reason":"ECONNREFUSED"}',
    'the source of a provider answers again {"provider":"docker","afterSeconds":5}',
    'the source of a provider does not answer; what it said last stays in force {"provider":"docker","reason":"no answer"}',
    'the source of a provider does not answer; what it said last stays in force {"provider":"docker","reason":"ECONNREFUSED"}',
  ]);
});
