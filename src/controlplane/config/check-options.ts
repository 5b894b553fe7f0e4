// What health checks of every kind have in common: when they come, and how many say that a server is up or down.

import type { CheckSchedule } from '../../model/service.ts';
import { optional, own, withDefault } from '../../schema/field.ts';
import { duration, integer, oneOf } from '../../schema/scalar.ts';

/** Room for routers that this program makes, above every other. */
export const priority = integer({
  min: Number.MIN_SAFE_INTEGER,
  max: Number.MAX_SAFE_INTEGER - 1_000,
  clamp: 'both',
});

/** Servers are checked at most ten times a second. */
const SHORTEST_MS = 100;
const interval = duration({ negative: 'default', minMs: SHORTEST_MS });

/** `traffic` is what a server that is down does not get. */
export function scheduleFields(traffic: 'requests' | 'connections') {
  return {
    interval: withDefault(interval, 30_000, 'Time between two checks of a server.'),
    unhealthyInterval: optional(
      interval,
      'Time between two checks of a server that is down; `interval` when left out.',
    ),
    timeout: withDefault(duration({ negative: 'default' }), 5_000, 'A check that takes longer has failed.'),
    healthyThreshold: own(
      withDefault(integer({ min: 1, max: 100 }), 1, 'Good checks in a row that bring a server up.'),
    ),
    unhealthyThreshold: own(withDefault(integer({ min: 1, max: 100 }), 1, 'Failed checks in a row that take it down.')),
    initialState: own(
      withDefault(
        oneOf('up', 'down'),
        'up',
        `Of a server not checked yet. \`down\` keeps ${traffic} away until it has passed.`,
      ),
    ),
    jitter: own(
      optional(duration(), 'Each check comes up to this much later, at random; a tenth of the interval when left out.'),
    ),
  };
}

interface Times {
  readonly interval: number;
  readonly unhealthyInterval: number | undefined;
  readonly timeout: number;
}

/** The decoded fields in the terms of who checks. */
export function scheduleSpec(
  options: Times & {
    readonly jitter: number | undefined;
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
    readonly initialState: 'up' | 'down';
  },
): CheckSchedule {
  return {
    intervalMs: options.interval,
    unhealthyIntervalMs: options.unhealthyInterval ?? options.interval,
    timeoutMs: options.timeout,
    jitterMs: options.jitter ?? options.interval / 10,
    healthyThreshold: options.healthyThreshold,
    unhealthyThreshold: options.unhealthyThreshold,
    initialState: options.initialState,
  };
}
