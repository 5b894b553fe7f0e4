// Addresses of servers of plain connections and datagrams.

import { hideUser } from '../../../core/hide-secrets.ts';
import type { SayOfServer } from './define.ts';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`; null when it cannot be used, which `say` has been told. */
export function readHostPort(text: string, say: SayOfServer): HostPort | null {
  const refuse = (message: string): null => {
    say('error', 'bad-server-url', message);
    return null;
  };
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const rest = text
      .replace(/^[^/]*\/\//, '')
      .replace(/^.*@/, '')
      .replace(/\/.*$/, '');
    return refuse(`"${hideUser(text)}" is a URL; write the address alone, "${rest}"`);
  }
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/@]+)):([0-9]{1,5})$/.exec(text);
  if (parts === null) {
    const hint = /^[^:[\]]+$/.test(text) ? `; the port is missing, as in "${text}:5432"` : '';
    return refuse(`"${hideUser(text)}" is no address; write host:port, or [::1]:port${hint}`);
  }
  const port = Number(parts[3]);
  if (port < 1 || port > 65_535) return refuse(`"${text}" has the port ${parts[3]}, which nothing can listen on`);
  return { host: parts[1] ?? parts[2]!, port };
}
