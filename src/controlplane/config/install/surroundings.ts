// What the place where the router runs says of itself, by variables that a container image sets: it stands where nobody
// has configured anything, and gives way to whatever anybody has, a file included.

import type { PathSegment } from '../../../schema/decode-context.ts';
import { isMap } from '../../../schema/input.ts';
import { INTERNAL_ENTRY_POINT } from './internal-routing.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** `address` of the internal entry point: the loopback of a container is nobody else's. */
const INTERNAL_ADDRESS = 'SIGNALBOX_DEFAULT_INTERNAL_ADDRESS';
/** `address` of the one entry point there is where none is configured, under the name that it has in Traefik. */
const ONLY_ADDRESS = 'SIGNALBOX_DEFAULT_ADDRESS';
const ONLY_ENTRY_POINT = 'http';
/** `graceTimeOut` of the other entry points: who ends containers waits for so long and no longer. */
const GRACE_TIMEOUT = 'SIGNALBOX_DEFAULT_GRACE_TIMEOUT';

/** Their names in upper case. */
export const SURROUNDINGS: readonly string[] = [INTERNAL_ADDRESS, ONLY_ADDRESS, GRACE_TIMEOUT];

export interface Assumed {
  readonly path: readonly PathSegment[];
  readonly value: string;
  readonly origin: string;
}

/** What is to be taken for configured beside `value`, which is everything that is. */
export function assumedSettings(environment: Environment, value: unknown): readonly Assumed[] {
  const settings: Assumed[] = [];
  const add = (variable: string, path: readonly PathSegment[]): void => {
    const text = environment[variable];
    if (text === undefined || text.trim() === '' || !isFree(value, path)) return;
    settings.push({ path, value: text, origin: `environment variable ${variable}` });
  };
  const given = childOf(value, 'entryPoints');
  const ofClients = Object.keys(isMap(given) ? given : {}).filter(
    (name) => name.toLowerCase() !== INTERNAL_ENTRY_POINT,
  );
  if (ofClients.length === 0) add(ONLY_ADDRESS, ['entryPoints', ONLY_ENTRY_POINT, 'address']);
  for (const name of ofClients.length === 0 && settings.length > 0 ? [ONLY_ENTRY_POINT] : ofClients) {
    add(GRACE_TIMEOUT, ['entryPoints', name, 'transport', 'lifeCycle', 'graceTimeOut']);
  }
  add(INTERNAL_ADDRESS, ['entryPoints', INTERNAL_ENTRY_POINT, 'address']);
  return settings;
}

/** Whether the internal entry point has its address from there alone. */
export function isInternalAssumed(settings: readonly Assumed[]): boolean {
  return settings.some(({ path }) => path[1] === INTERNAL_ENTRY_POINT);
}

/** Nothing stands at the path, and nothing that is no section on the way to it, which is a mistake to be told. */
function isFree(value: unknown, path: readonly PathSegment[]): boolean {
  let at: unknown = value;
  for (const segment of path) {
    if (at === undefined || at === null) return true;
    if (!isMap(at)) return false;
    at = childOf(at, String(segment));
  }
  return at === undefined;
}

/** Names of options are written in any case. */
function childOf(value: unknown, name: string): unknown {
  if (!isMap(value)) return undefined;
  const key = Object.keys(value).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : value[key];
}
