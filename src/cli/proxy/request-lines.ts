// The access log of `signalbox proxy` for people: a line for each request, made from the JSON that workers write.

import type { LineSink } from '../../observe/access-log-writer.ts';
import { FAILURES } from '../../dataplane/http/failure.ts';
import { isMap } from '../../schema/input.ts';

const GREEN = '\x1b[32m';
const CYAN = '\x1b[36m';
const YELLOW = '\x1b[33m';
const RED = '\x1b[31m';
const DIM = '\x1b[2m';
const RESET = '\x1b[0m';

/** For those that a person at the machine can do something about; others have the text of the failure. */
const WORDS: Readonly<Record<string, (server: string) => string>> = {
  upstream_connect_refused: (server) => `nothing listens on ${server}; is the server started?`,
  upstream_connect_failed: (server) => `${server} cannot be reached`,
  upstream_connect_timeout: (server) => `${server} does not answer`,
  upstream_dns_failure: (server) => `the host of ${server} cannot be found`,
  upstream_tls_failed: (server) => `${server} does not speak TLS`,
  upstream_tls_untrusted: (server) => `nobody trusts the certificate of ${server}`,
  upstream_reset: (server) => `${server} broke the connection off`,
  upstream_closed: (server) => `${server} closed the connection without an answer`,
  upstream_bad_response: (server) => `what ${server} answers is not HTTP`,
  upstream_upgrade_refused: (server) => `${server} takes no WebSocket there`,
  no_route: () => 'no name that is served here',
  client_gone: () => 'the browser did not wait for the answer',
};

/** Of tunnels and answers that have begun. */
const ENDS = new Set(['client_gone', 'tunnel_idle']);

export class RequestLines implements LineSink {
  readonly #write: (text: string) => void;
  readonly #color: boolean;

  constructor(write: (text: string) => void, color: boolean) {
    this.#write = write;
    this.#color = color;
  }

  write(lines: Uint8Array): Promise<void> {
    const text = Buffer.from(lines).toString('utf8');
    const shown = text.split('\n').flatMap((line) => (line === '' ? [] : [this.#render(line)]));
    this.#write(shown.map((line) => `${line}\n`).join(''));
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #render(line: string): string {
    const record: unknown = JSON.parse(line); // Our own format.
    if (!isMap(record)) return line;
    const field = (name: string): string => {
      const value = record[name];
      return typeof value === 'string' ? plain(value) : '';
    };
    const status = Number(record['DownstreamStatus']);
    const clock = field('StartLocal').slice(11, 19);
    const url = `${field('RequestHost')}${field('RequestPath')}`;
    const parts = [
      this.#in(DIM, clock),
      this.#in(colorOf(status), String(status)),
      field('RequestMethod').padEnd(7),
      url,
      this.#in(DIM, durationText(Number(record['Duration']) / 1e6)),
    ];
    const flag = field('ResponseFlag');
    // A page that is left closes its WebSockets.
    const isOver = status < 400 && ENDS.has(flag);
    const why = isOver ? '' : reasonOf(flag, field('ServiceURL').replace(/^\w+:\/\//, ''));
    return [...parts, ...(why === '' ? [] : [this.#in(RED, `(${why})`)])].join('  ');
  }

  #in(color: string, text: string): string {
    return this.#color ? `${color}${text}${RESET}` : text;
  }
}

function reasonOf(flag: string, server: string): string {
  if (flag === '') return '';
  if (Object.hasOwn(WORDS, flag)) return WORDS[flag]!(server);
  return Object.values(FAILURES).find((failure) => failure.flag === flag)?.message ?? flag;
}

function colorOf(status: number): string {
  if (status >= 500) return RED;
  if (status >= 400) return YELLOW;
  return status >= 300 ? CYAN : GREEN;
}

function durationText(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** What a client sends may not move the cursor. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?');
}
