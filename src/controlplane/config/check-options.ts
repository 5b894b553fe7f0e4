// What health checks of every kind have in common: when they come, and how many say that a server is up or down.

import type { CheckSchedule } from '../../model/service.ts';
import type { DecodeContext } from '../../schema/decode-context.ts';
import { duration, integer, oneOf, optional, own, withDefault } from '../../schema/schema.ts';

/** `traffic` is what a server that is down does not get. */
export function scheduleFields(traffic: 'requests' | 'connections') {
  return {
    interval: withDefault(duration(), 30_000, 'Time between two checks of a server.'),
    unhealthyInterval: optional(
      duration(),
      'Time between two checks of a server that is down; `interval` when left out.',
    ),
    timeout: withDefault(duration(), 5_000, 'A check that takes longer has failed.'),
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

export function checkTimes({ interval, unhealthyInterval, timeout }: Times, context: DecodeContext): void {
  if (timeout <= 0) context.at('timeout', () => context.invalid('a check needs a time limit', 'more than 0', '0'));
  for (const [name, value] of Object.entries({ interval, unhealthyInterval })) {
    if (value !== undefined && value < 100) {
      context.at(name, () =>
        context.invalid('servers are checked at most ten times a second', 'at least 100ms', `${value}ms`),
      );
    }
  }
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
