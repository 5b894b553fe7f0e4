// Every operation of the API, in the order of its description. Reading ones have Traefik's paths and shapes.

import type { EventBus } from '../observe/event-bus.ts';
import * as answers from './answers.ts';
import { streamEvents } from './event-stream.ts';
import type { ApiSources } from './sources.ts';
import { operation, say, type Operation } from './operation.ts';
import { checkOperation } from './operations/check.ts';
import { explainOperation } from './operations/explain.ts';
import { listOperations } from './operations/lists.ts';
import { pushOperation } from './operations/push.ts';
import { snapshotOperations } from './operations/snapshots.ts';
import { programOperations, stateOperations } from './operations/status.ts';
import { takeoverOperation } from './operations/takeover.ts';

export function operationsOf(sources: ApiSources): readonly Operation[] {
  const { install, pipeline, takeover, pushed } = sources;
  return [
    ...programOperations(sources),
    ...listOperations(sources),
    ...stateOperations(sources),
    checkOperation(sources),
    ...snapshotOperations(sources),
    explainOperation(sources),
    eventsOperation(sources.events),
    ...(takeover === null ? [] : [takeoverOperation(takeover)]),
    ...(install().admin.rest === null ? [] : [pushOperation(pipeline, pushed)]),
  ];
}

function eventsOperation(events: EventBus): Operation {
  return operation({
    method: 'GET',
    path: '/api/events',
    summary:
      'What happens, as server-sent events: `snapshot`, `diagnostics`, `health`, `worker`, `pin`, `certificate`. `Last-Event-ID` brings those missed.',
    answer: answers.events,
    handle: () => say(''),
    stream: (request, response) => streamEvents(events, request.lastEventId, response),
  });
}
