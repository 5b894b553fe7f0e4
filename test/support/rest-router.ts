// A router whose routing configuration is pushed: a change is in force when `put` settles.

import { RawClient, type RawResponse } from './raw-client.ts';
import { startRouter, type RouterOptions, type RouterProcess } from './router.ts';

export interface HttpSection {
  readonly routers?: object;
  readonly services?: object;
  readonly middlewares?: object;
  readonly serversTransports?: object;
}

export interface ServiceStatus {
  readonly status: string;
  readonly error?: readonly string[];
  readonly serverStatus?: Readonly<Record<string, 'UP' | 'DOWN'>>;
  readonly serverHealth?: readonly {
    readonly url: string;
    readonly status: 'UP' | 'DOWN';
    readonly inFlight: number;
    readonly responseMs: number;
    readonly ejectedUntil?: string;
    readonly check?: { readonly status: string; readonly lastAt: string | null; readonly lastError: string | null };
  }[];
}

const INSTALL = `entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
providers: { rest: { insecure: true } }
api: { token: writer }
accessLog: { format: json }
metrics: { prometheus: { addServicesLabels: true } }
`;

export class RestRouter {
  readonly process: RouterProcess;

  private constructor(process: RouterProcess) {
    this.process = process;
  }

  /** Everything goes to the service `s` of the section, unless it has routers of its own. */
  static async start(
    http: HttpSection,
    options: Partial<RouterOptions> & { extra?: string } = {},
  ): Promise<RestRouter> {
    const { extra = '', ...rest } = options;
    const router = new RestRouter(await startRouter({ install: INSTALL + extra, ...rest }));
    await router.put(http);
    return router;
  }

  /** Diagnostics of the configuration, which is in force. */
  async put(http: HttpSection): Promise<readonly { severity: string; message: string }[]> {
    const routers = { all: { rule: 'PathPrefix(`/`)', service: 's', entryPoints: ['web'] } };
    const response = await this.api('/api/providers/rest', {
      method: 'PUT',
      body: JSON.stringify({ http: { routers, ...http } }),
    });
    if (response.status !== 200) throw new Error(`the configuration was refused: ${await response.text()}`);
    return ((await response.json()) as { diagnostics: { severity: string; message: string }[] }).diagnostics;
  }

  api(path: string, init: Omit<RequestInit, 'headers'> = {}): Promise<Response> {
    const headers = { Authorization: 'Bearer writer' };
    return fetch(`http://127.0.0.1:${this.process.ports['traefik']!}${path}`, { ...init, headers });
  }

  /** One request on a connection of its own. */
  get(path = '/', fields = ''): Promise<RawResponse> {
    const head = `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
    return RawClient.exchange(this.process.ports['web']!, head);
  }

  /** Bodies of so many requests in a row, counted. */
  async count(times: number, fields = ''): Promise<Record<string, number>> {
    const client = await RawClient.connect(this.process.ports['web']!);
    const counts: Record<string, number> = {};
    for (let turn = 0; turn < times; turn++) {
      client.send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
      const { status, body } = await client.response();
      const key = status === 200 ? body : String(status);
      counts[key] = (counts[key] ?? 0) + 1;
    }
    client.socket.destroy();
    return counts;
  }

  async service(name = 's'): Promise<ServiceStatus> {
    return (await (await this.api(`/api/http/services/${name}@rest`)).json()) as ServiceStatus; // Of traefik-view.ts.
  }

  /** Settles with the next health events, as many as named, in order of arrival. */
  async healthEvents(count: number, cause: () => Promise<unknown> | void): Promise<readonly string[]> {
    const abort = new AbortController();
    const response = await this.api('/api/events', { signal: abort.signal });
    const seen: string[] = [];
    let text = '';
    const reader = response.body!.getReader();
    await cause();
    while (seen.length < count) {
      const { value, done } = await reader.read();
      if (done) throw new Error('the event stream ended');
      text += new TextDecoder().decode(value);
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const event = text.slice(0, end);
        text = text.slice(end + 2);
        if (!event.includes('event: health')) continue;
        const data = JSON.parse(/^data: (.*)$/m.exec(event)![1]!) as { url: string; isUp: boolean };
        seen.push(`${data.url} ${data.isUp ? 'up' : 'down'}`);
      }
    }
    abort.abort();
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}
