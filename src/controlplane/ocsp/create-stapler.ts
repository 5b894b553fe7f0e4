// The stapler of a running router. Loaded only when stapling is on: the library for its messages takes its time.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Staple } from '../../model/message/staple.ts';
import { askResponder } from './responder-client.ts';
import { Stapler } from './stapler.ts';

export interface CreateStaplerOptions {
  readonly responderOverrides: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly publish: (staples: readonly Staple[]) => void;
}

export function createStapler({ responderOverrides, clock, log, publish }: CreateStaplerOptions): Stapler {
  return new Stapler({
    overrides: responderOverrides,
    clock,
    log,
    random: Math.random,
    setTimer: (ms, run) => {
      const timer = setTimeout(run, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
    ask: askResponder,
    publish,
  });
}
