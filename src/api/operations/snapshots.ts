// Snapshots that were in force: which there are, back to one and on again, and whether one has arrived everywhere.

import { isRunning, isSame } from '../../controlplane/pipeline/pin.ts';
import type { Pipeline } from '../../controlplane/pipeline/pipeline.ts';
import { parseDuration } from '../../schema/duration.ts';
import type { AnswerOf } from '../answer.ts';
import * as answers from '../answers.ts';
import { operation, refuse, say, type ApiAnswer, type Operation, type Said } from '../operation.ts';
import type { ApiSources } from '../sources.ts';
import { pinHeader, pinPart } from '../pin-header.ts';

const MAX_WAIT_MS = 600_000;

export function snapshotOperations(sources: ApiSources): readonly Operation[] {
  const { pipeline } = sources;
  const activated = (): Said<AnswerOf<typeof answers.activated>> =>
    say({ version: pipeline.current.version, pinned: pipeline.history.pinned });
  return [
    operation({
      method: 'GET',
      path: '/api/snapshots',
      summary: 'Snapshots that can be gone back to, the newest last.',
      answer: answers.snapshots,
      handle: () =>
        say(
          {
            current: pipeline.current.version,
            pinned: pipeline.history.pinned,
            ...pinPart(pipeline),
            snapshots: pipeline.history.entries.map((entry) => ({
              version: entry.version,
              ...(entry.through === undefined ? {} : { through: entry.through }),
              digest: entry.digest,
              createdAt: new Date(entry.createdAt).toISOString(),
              ...entry.counts,
            })),
          },
          pinHeader(pipeline),
        ),
    }),
    operation({
      method: 'POST',
      path: '/api/snapshots/{version}/activate',
      summary:
        'Goes back to a snapshot, which stays in force until it is released. Its content becomes a new version, in the answer.',
      answer: answers.activated,
      handle: async ({ params, from }) => {
        const version = Number(params['version']);
        if (await pipeline.activate(version, from)) return activated();
        const known = pipeline.history.entries.map((entry) => entry.version).join(', ');
        return refuse(404, `there is no snapshot "${params['version']}"; kept are ${known}`);
      },
    }),
    operation({
      method: 'POST',
      path: '/api/snapshots/release',
      summary: 'Goes on with the newest configuration after a snapshot was activated.',
      answer: answers.activated,
      handle: async ({ from }) => {
        await pipeline.release(from);
        return activated();
      },
    }),
    operation({
      method: 'GET',
      path: '/api/snapshots/{version}/status',
      summary:
        'Whether every worker runs the content of this version; `latest` is everything received so far. `reason` says why that cannot be any more.',
      query: { wait: 'Longest time to wait for it, as in `10s`; no waiting when left out.' },
      answer: answers.snapshotStatus,
      handle: ({ params, query }) => snapshotStatus(params['version']!, query.get('wait'), sources),
    }),
  ];
}

async function snapshotStatus(
  given: string,
  wait: string | null,
  { pipeline, events, workers }: ApiSources,
): Promise<ApiAnswer<answers.SnapshotStatus>> {
  const isLatest = given === 'latest';
  if (!isLatest && !/^[0-9]{1,15}$/.test(given))
    return refuse(400, `"${given}" is no version; write a number or latest`);
  const waitMs = parseWait(wait);
  if (waitMs === null) return refuse(400, `wait: "${wait}" is no duration up to 10m, as in 10s`);
  const status = (): answers.SnapshotStatus => {
    const current = pipeline.current.version;
    const version = isLatest ? current : Number(given);
    const all = workers();
    const isReached = all.length > 0 && all.every((worker) => worker.isReady && worker.version >= version);
    const reason = isLatest ? heldBack(pipeline) : replaced(version, pipeline);
    const isApplied = reason === null && isReached && (!isLatest || pipeline.isSettled);
    return { version, current, isApplied, reason, workers: all };
  };
  const isDecided = ({ isApplied, reason }: answers.SnapshotStatus): boolean => isApplied || reason !== null;
  if (isDecided(status()) || waitMs === 0) return say(status());
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      stopListening();
      clearInterval(poll);
      clearTimeout(timer);
      resolve();
    };
    const look = (): void => {
      if (isDecided(status())) finish();
    };
    const stopListening = events.listen(look);
    // A worker that was replaced becomes ready without an event.
    const poll = setInterval(look, 100);
    const timer = setTimeout(finish, waitMs);
  });
  return say(status());
}

/** Why what was received does not come into force; null when it does, or while that is not known yet. */
function heldBack({ pin, isSettled }: Pipeline): string | null {
  return pin === null || !isSettled || isSame(pin.differences) ? null : pin.text;
}

/** Why the content of a version is not what runs; null when it is, or is still to come. */
function replaced(version: number, { current, history, pin }: Pipeline): string | null {
  if (version >= current.version) return null;
  const entry = history.get(version);
  if (entry !== null && isRunning(entry, current)) return null;
  const instead = pin === null ? `version ${current.version} is in force` : pin.text;
  return entry === null
    ? `version ${version} is not kept any more; ${instead}`
    : `the content of version ${version} is not in force; ${instead}`;
}

function parseWait(text: string | null): number | null {
  if (text === null || text === '') return 0;
  const milliseconds = parseDuration(text);
  return milliseconds === null || milliseconds > MAX_WAIT_MS ? null : milliseconds;
}
