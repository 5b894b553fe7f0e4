// BIND as a name server for zones of its own on loopback, with keys that may change one of them.

import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from './engine.ts';
import { holdForDatagrams } from './ports.ts';

export interface BindKey {
  readonly name: string;
  readonly algorithm: string;
  /** Base64. */
  readonly secret: string;
}

export interface BindOptions {
  readonly keys: readonly BindKey[];
  /** Lines of the zone `fixed.test`, which nobody may change. */
  readonly fixed?: string;
}

/** Serves `example.test`, which every key may put TXT records into, and `fixed.test`. */
export class Bind implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly #engine: Engine;
  readonly #directory: string;

  private constructor(host: string, port: number, directory: string, engine: Engine) {
    this.host = host;
    this.port = port;
    this.#directory = directory;
    this.#engine = engine;
  }

  static async start({ keys, fixed = '' }: BindOptions): Promise<Bind> {
    const directory = await mkdtemp(join(tmpdir(), 'signalbox-bind-'));
    // It may run as another user.
    await chmod(directory, 0o777);
    // It binds addresses that interfaces have, and no others.
    const host = '127.0.0.1';
    const { port, socket: held } = await holdForDatagrams();
    const zone = `$TTL 1
@ IN SOA ns1.example.test. admin.example.test. 1 3600 600 86400 1
@ IN NS ns1.example.test.
`;
    await writeFile(join(directory, 'example.test.db'), `${zone}ns1 IN A ${host}\n`);
    await writeFile(join(directory, 'fixed.test.db'), zone + fixed);
    await writeFile(
      join(directory, 'named.conf'),
      `
options {
  directory "${directory}";
  pid-file "${directory}/named.pid";
  session-keyfile "${directory}/session.key";
  listen-on port ${port} { ${host}; };
  listen-on-v6 { none; };
  // Follows CNAMEs from one of its zones into another; nothing else is to be had.
  recursion yes;
  forward only;
  forwarders { 127.0.0.1 port 1; };
  dnssec-validation no;
};
controls { };
${keys.map(({ name, algorithm, secret }) => `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };`).join('\n')}
zone "example.test" {
  type primary;
  file "example.test.db";
  update-policy { ${keys.map(({ name }) => `grant ${name} zonesub TXT;`).join(' ')} };
};
zone "fixed.test" { type primary; file "fixed.test.db"; };
`,
    );
    const engine = await Engine.start('named', {
      args: ['-g', '-c', join(directory, 'named.conf'), '-n', '1'],
      directory,
      ready: /all zones loaded[\s\S]*\brunning\b/,
    });
    held.close();
    return new Bind(host, port, directory, engine);
  }

  /** TXT records of a name, as the server has them. */
  txt(name: string): readonly string[] {
    const answer = execFileSync('dig', [
      '+short',
      '+norecurse',
      '+time=600',
      `@${this.host}`,
      '-p',
      String(this.port),
      name,
      'TXT',
    ]);
    return answer
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('"'))
      .map((line) => line.slice(1, -1))
      .toSorted();
  }

  said(): string {
    return this.#engine.said();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
