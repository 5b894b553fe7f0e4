// What events say of a container that needs no question: that it is being stopped, has ended, is paused, is healthy.
// The engine tells each in the order in which it happens; asking would wait for what it still does with the container.

import { constants } from 'node:os';
import { mapOf, numberOf, textOf } from '../source/json-reading.ts';
import { healthOf, type Container } from './container.ts';

export interface EngineEvent {
  /** Of the container that it is about. */
  readonly id: string;
  readonly action: string;
  /** What stands behind the action, or beside it. */
  readonly detail: string;
  /** Of the engine's clock, in milliseconds since the epoch; 0 where it does not say. */
  readonly atMs: number;
  /** Of the container as it is named, where the event has them. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** What becomes of a container, and whether the engine has to be asked about the rest. */
export type EventMeaning =
  | { readonly kind: 'nothing' }
  /** Ask: something is new that the event does not say. */
  | { readonly kind: 'look' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'changed'; readonly container: Container };

const NOTHING: EventMeaning = { kind: 'nothing' };
const LOOK: EventMeaning = { kind: 'look' };

/** Null for what is not about a container. */
export function readEvent(value: unknown): EngineEvent | null {
  const event = mapOf(value);
  const actor = mapOf(event['Actor']);
  const attributes = mapOf(actor['Attributes']);
  // What happens on networks is told of the network; in Podman's words, with the container as `containerName`.
  const isNetwork = event['Type'] === 'network';
  if (!isNetwork && event['Type'] !== 'container') return null;
  const id = isNetwork ? textOf(attributes['container']) : textOf(actor['ID']) || textOf(event['id']);
  const [, action = '', detail = ''] = /^(\w+)(?::\s*(.*))?$/s.exec(textOf(event['Action'])) ?? [];
  if (id === '' || action === '') return null;
  const nano = numberOf(event['timeNano']);
  const health = textOf(event['HealthStatus']);
  const atMs = nano > 0 ? nano / 1e6 : numberOf(event['time']) * 1000;
  return { id, action: isNetwork ? `network ${action}` : action, detail: detail || health, atMs, attributes };
}

/** `known` is what is known of the container; undefined where nothing is. */
export function meaningOf(event: EngineEvent, known: Container | undefined): EventMeaning {
  switch (event.action) {
    case 'start':
    case 'unpause':
    case 'rename':
    case 'restart':
      return LOOK;
    case 'network connect':
    case 'network disconnect':
      // One that begins is told of when it has begun.
      return known?.status === 'running' ? LOOK : NOTHING;
    case 'create':
      return isKeptWhileStopped(event.attributes) ? LOOK : NOTHING;
    case 'destroy':
    case 'remove':
      return { kind: 'gone' };
    case 'kill':
      return known !== undefined && isStopSignal(textOf(event.attributes['signal']), known) && !isStale(event, known)
        ? { kind: 'stopping' }
        : NOTHING;
    case 'die':
      if (known === undefined || isStale(event, known)) return NOTHING;
      return {
        kind: 'changed',
        container: {
          ...known,
          status: 'exited',
          health: '',
          exitCode: Number(textOf(event.attributes['exitCode'])) || 0,
          networks: known.networks.map(({ name }) => ({ name, ipv4: '', ipv6: '' })),
        },
      };
    case 'pause':
      return known === undefined ? LOOK : { kind: 'changed', container: { ...known, status: 'paused', health: '' } };
    case 'health_status': {
      const health = healthOf(event.detail);
      if (known?.status !== 'running' || health === '') return LOOK;
      return known.health === health ? NOTHING : { kind: 'changed', container: { ...known, health } };
    }
    default:
      return NOTHING;
  }
}

/** Events that were told again after a connection was lost may be about an earlier run. */
function isStale({ atMs }: EngineEvent, { startedMs }: Container): boolean {
  return atMs > 0 && atMs < startedMs;
}

/** A signal for anything else, as to read a configuration anew, ends nothing. */
function isStopSignal(signal: string, { stopSignal }: Container): boolean {
  const number = numberOfSignal(signal);
  return number === constants.signals.SIGKILL || (number !== 0 && number === numberOfSignal(stopSignal));
}

function numberOfSignal(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  const name = text.toUpperCase().startsWith('SIG') ? text.toUpperCase() : `SIG${text.toUpperCase()}`;
  return (constants.signals as Readonly<Record<string, number>>)[name] ?? 0;
}

/** The label that keeps what a container defines while it does not run. */
export function isKeptWhileStopped(labels: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(labels).some(
    ([name, value]) =>
      /^(?:traefik|signalbox)\.docker\.allownonrunning$/i.test(name) &&
      typeof value === 'string' &&
      /^(?:true|t|1)$/i.test(value.trim()),
  );
}
