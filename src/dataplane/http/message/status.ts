// Status lines as they are sent: rendered once per status and reason.

import { STATUS_CODES } from 'node:http';

const reasons: string[] = Array.from({ length: 1000 }, (_, status) => STATUS_CODES[status] ?? '');
const lines: string[] = reasons.map((reason, status) => `HTTP/1.1 ${status} ${reason}\r\n`);

/** `reason` '' stands for the standard phrase. */
export function statusLine(status: number, reason: string): string {
  if (reason === '' || reason === reasons[status]) return lines[status]!;
  return `HTTP/1.1 ${status} ${reason}\r\n`;
}

/** Responses that end with their head whatever its fields say (RFC 9112 §6.3). */
export function hasNoBody(method: string, status: number): boolean {
  return status === 204 || status === 304 || status < 200 || method === 'HEAD';
}
