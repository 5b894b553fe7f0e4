// The common log format as Traefik extends it, and the plain one.

import type { AccessRecord } from '../model/access-record.ts';
import { plainText, type CommonTime } from './access-log-text.ts';

function orDash(text: string): string {
  return text === '' ? '-' : plainText(text);
}

/** `genericCLF` ends behind the user agent. */
export function renderCommonLine(
  record: AccessRecord,
  format: 'common' | 'genericCLF',
  count: number,
  time: CommonTime,
): string {
  const request = `${plainText(record.method)} ${plainText(record.target)} ${record.protocol}`;
  const referer = orDash(record.requestHeaders.get('referer') ?? '');
  const agent = orDash(record.requestHeaders.get('user-agent') ?? '');
  const line =
    `${record.clientIp} - ${orDash(record.clientUser)} [${time(record.startWallMs)}] ` +
    `"${request}" ${record.status} ${record.responseBytes} "${referer}" "${agent}"`;
  if (format === 'genericCLF') return `${line}\n`;
  return `${line} ${count} "${orDash(record.routerName)}" "${orDash(record.serviceUrl)}" ${Math.floor(record.durationMs)}ms\n`;
}
