// A thin client of Docker's API: questions that are answered as a whole and the stream of events, each with its bound
// and its time. The version is the newest that both sides know; what the engine refuses is told with the way out.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CannotFollow } from '../source/source.ts';
import { JsonLines } from '../source/json-lines.ts';
import { textOf } from '../source/json-reading.ts';
import { openDoor, type EngineDoor, type EngineTls } from './engine-connection.ts';
import { endpointText, type EngineEndpoint } from './engine-endpoint.ts';
import { EngineRefusal, refusalOf, unreachable } from './engine-failure.ts';

/** The newest version whose answers are known here. An engine with an older one is asked in its own. */
const NEWEST = '1.52';
/** A container with everything that people put into labels and environment is a few KiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_EVENT_BYTES = 1024 * 1024;
const MAX_REFUSAL_BYTES = 64 * 1024;
/** A proxy in between may forget a connection on which nothing happens. */
const PROBE_MS = 30_000;

export interface EngineClientOptions {
  readonly endpoint: EngineEndpoint;
  readonly username: string;
  readonly password: string;
  readonly tls: EngineTls | null;
  readonly timeoutMs: number;
  /** Program for ssh endpoints. */
  readonly ssh?: string;
}

/** What the first answer says of whom is asked. */
export interface EngineFacts {
  /** '' where it does not say: then no version is named. */
  readonly apiVersion: string;
  readonly isPodman: boolean;
  /** Its clock, in milliseconds since the epoch; null where it does not say. */
  readonly wallMs: number | null;
}

export class EngineClient {
  readonly #options: EngineClientOptions;
  readonly #door: EngineDoor;
  readonly #headers: Readonly<Record<string, string>>;
  #facts: EngineFacts | null = null;

  constructor(options: EngineClientOptions) {
    this.#options = options;
    const { endpoint, tls, ssh, username, password } = options;
    this.#door = openDoor(endpoint, tls, ssh);
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    this.#headers = {
      'user-agent': 'signalbox',
      ...(username === '' && password === '' ? {} : { authorization: `Basic ${basic}` }),
    };
  }

  close(): void {
    this.#door.agent.destroy();
  }

  /** Asks whom it talks to, anew each time: an engine may have been replaced by another version. */
  async meet(signal: AbortSignal): Promise<EngineFacts> {
    let headers: IncomingMessage['headers'] = {};
    try {
      headers = (await this.#ask('/_ping', signal)).headers;
    } catch (error) {
      // Some proxies let nobody ping: what counts is whether containers are listed.
      if (!(error instanceof EngineRefusal)) throw error;
    }
    const theirs = textOf(headers['api-version']);
    const dateMs = Date.parse(textOf(headers.date));
    this.#facts = {
      apiVersion: /^\d+\.\d+$/.test(theirs) ? olderOf(theirs, NEWEST) : '',
      isPodman: headers['libpod-api-version'] !== undefined,
      wallMs: Number.isNaN(dateMs) ? null : dateMs,
    };
    return this.#facts;
  }

  /** The answer to a GET, as JSON. Rejects with a sentence for people. */
  async get(path: string, signal: AbortSignal): Promise<unknown> {
    const { text } = await this.#versioned((prefix) => this.#ask(prefix + path, signal));
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new Error(
        `the answer of ${this.#place} to GET ${path} is no JSON; it begins with ${JSON.stringify(text.slice(0, 60))}`,
      );
    }
  }

  /** Settles when the engine ends the stream. `begun` is called with the head of the answer. */
  async events(
    filters: Readonly<Record<string, readonly string[]>>,
    sinceMs: number | null,
    signal: AbortSignal,
    heard: { begun(): void; event(event: unknown): void },
  ): Promise<void> {
    const since = sinceMs === null ? '' : `&since=${Math.floor(sinceMs / 1000)}`;
    const path = `/events?filters=${encodeURIComponent(JSON.stringify(filters))}${since}`;
    try {
      await this.#versioned((prefix) => this.#stream(prefix + path, signal, heard));
    } catch (error) {
      if (error instanceof EngineRefusal && (error.status === 403 || error.status === 404 || error.status === 405)) {
        throw new CannotFollow(error.message);
      }
      throw error;
    }
  }

  get #place(): string {
    return endpointText(this.#options.endpoint);
  }

  /** An engine that is newer than this knows says the oldest version that it takes: that one is asked in then. */
  async #versioned<T>(ask: (prefix: string) => Promise<T>): Promise<T> {
    const { apiVersion = '' } = this.#facts ?? {};
    try {
      return await ask(apiVersion === '' ? '' : `/v${apiVersion}`);
    } catch (error) {
      const oldest = /minimum supported API version is (\d+\.\d+)/i.exec(
        error instanceof Error ? error.message : '',
      )?.[1];
      if (!(error instanceof EngineRefusal) || oldest === undefined || oldest === apiVersion) throw error;
      this.#facts = { isPodman: false, wallMs: null, ...this.#facts, apiVersion: oldest };
      return await ask(`/v${oldest}`);
    }
  }

  async #ask(path: string, signal: AbortSignal): Promise<{ text: string; headers: IncomingMessage['headers'] }> {
    const response = await this.#request(path, signal);
    try {
      const text = await this.#whole(response, path, MAX_ANSWER_BYTES);
      if (response.statusCode !== 200) throw refusalOf(this.#place, path, response.statusCode ?? 0, text);
      return { text, headers: response.headers };
    } catch (error) {
      throw unreachable(this.#place, path, error);
    }
  }

  async #stream(
    path: string,
    signal: AbortSignal,
    heard: { begun(): void; event(event: unknown): void },
  ): Promise<void> {
    const response = await this.#request(path, signal);
    if (response.statusCode !== 200) {
      const text = await this.#whole(response, path, MAX_REFUSAL_BYTES);
      throw refusalOf(this.#place, path, response.statusCode ?? 0, text);
    }
    response.socket.setKeepAlive(true, PROBE_MS);
    // The agent's own limit is for connections that nobody uses.
    response.socket.setTimeout(0);
    heard.begun();
    const lines = new JsonLines(MAX_EVENT_BYTES);
    try {
      for await (const chunk of response) {
        for (const event of lines.push(chunk as Buffer)) heard.event(event); // No encoding is set: bytes.
      }
    } catch (error) {
      throw unreachable(this.#place, path, error);
    } finally {
      response.destroy();
    }
  }

  /** The head of the answer, in time; a kept connection that has just been closed is not held against anybody. */
  async #request(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send(path, signal);
      } catch (error) {
        if (attempt === 1 && error instanceof StaleConnection) continue;
        throw unreachable(this.#place, path, error instanceof StaleConnection ? error.cause : error);
      }
    }
  }

  #send(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { agent, target, isTls, base } = this.#door;
    const { timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const send = isTls ? httpsRequest : httpRequest;
      const headers = { ...this.#headers, ...(target.port === undefined ? { host: 'docker' } : {}) };
      const sent = send({ ...target, agent, path: base + path, headers, signal });
      const late = setTimeout(() => sent.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
      sent.once('response', (response) => {
        clearTimeout(late);
        resolve(response);
      });
      sent.once('error', (error) => {
        clearTimeout(late);
        reject(sent.reusedSocket && !signal.aborted ? new StaleConnection(error) : error);
      });
      sent.end();
    });
  }

  async #whole(response: IncomingMessage, path: string, maxBytes: number): Promise<string> {
    const { timeoutMs } = this.#options;
    const late = setTimeout(() => {
      response.destroy(new Error(`no whole answer to GET ${path} within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    try {
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of response) {
        const buffer = chunk as Buffer; // No encoding is set: bytes.
        bytes += buffer.length;
        if (bytes > maxBytes) throw new Error(`an answer is larger than ${maxBytes / 1024 / 1024} MiB`);
        chunks.push(buffer);
      }
      return Buffer.concat(chunks).toString();
    } finally {
      clearTimeout(late);
    }
  }
}

/** It was kept from an earlier request, and the other side had closed it. */
class StaleConnection extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

function olderOf(a: string, b: string): string {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor < bMajor || (aMajor === bMajor && aMinor < bMinor) ? a : b;
}
