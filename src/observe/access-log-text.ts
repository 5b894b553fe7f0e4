// Text of access log lines: escaped strings and times, each rendered once as long as it stays the same.

import type { AccessLogInit } from '../model/message/sync.ts';

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function hex(char: string, width: number): string {
  return char.charCodeAt(0).toString(16).padStart(width, '0');
}

/** A JSON string in printable ASCII. */
export function jsonString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, (char) => `\\u${hex(char, 4)}`);
}

/** For the common formats: quotes, backslashes and everything unprintable as `\xNN`. */
export function plainText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, (char) => `\\x${hex(char, 2)}`);
}

export interface Timestamp {
  /** RFC 3339 with milliseconds, quoted. */
  readonly utc: string;
  readonly local: string;
  /** `02/Jan/2006:15:04:05 +0000`. */
  readonly common: string;
  /** The same in the time zone of the process. */
  readonly commonLocal: string;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number): string => String(value).padStart(2, '0');

let lastMs = -1;
let last: Timestamp = { utc: '""', local: '""', common: '', commonLocal: '' };

export function timestampOf(wallMs: number): Timestamp {
  if (wallMs === lastMs) return last;
  lastMs = wallMs;
  const date = new Date(wallMs);
  const utc = date.toISOString();
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  const local = offset === 0 ? utc : new Date(wallMs + offset * 60_000).toISOString().replace('Z', zone);
  last = {
    utc: `"${utc}"`,
    local: `"${local}"`,
    common: `${common(utc)} +0000`,
    commonLocal: `${common(local)} ${zone.replace(':', '')}`,
  };
  return last;
}

/** Of `2026-01-02T15:04:05…`. */
function common(text: string): string {
  return `${text.slice(8, 10)}/${MONTHS[Number(text.slice(5, 7)) - 1]!}/${text.slice(0, 4)}:${text.slice(11, 19)}`;
}

/** Time of a line in the common formats, as Traefik chooses it: UTC while `StartUTC` is kept, then `StartLocal`. */
export type CommonTime = (wallMs: number) => string;

export function commonTime(fields: AccessLogInit['fields']): CommonTime {
  if (isFieldKept(fields, 'StartUTC')) return (wallMs) => timestampOf(wallMs).common;
  if (isFieldKept(fields, 'StartLocal')) return (wallMs) => timestampOf(wallMs).commonLocal;
  return () => '-';
}

/** Names of fields may be written in any case. */
export function isFieldKept({ names, defaultMode }: AccessLogInit['fields'], name: string): boolean {
  const lower = name.toLowerCase();
  const given = Object.entries(names).find(([key]) => key.toLowerCase() === lower);
  return (given?.[1] ?? defaultMode) === 'keep';
}
