// A certificate authority made with OpenSSL's program, and a responder that says what has become of its certificates.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from './engine.ts';

export interface Issued {
  /** With that of the authority behind it. */
  readonly chain: string;
  readonly certificate: string;
  readonly key: string;
  /** Hexadecimal, as OpenSSL writes it. */
  readonly serial: string;
}

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';

/** Names of authorities and hosts have no spaces. */
function words(command: string): string[] {
  return command.split(' ');
}

export class Authority implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'signalbox-authority-'));
  readonly certificate: string;
  readonly #index: string[] = [];
  #next = 1;

  constructor(name = 'an.authority') {
    this.#openssl(`req -x509 ${NEW_KEY} -days 30 -subj /CN=${name} -keyout ca.key -out ca.pem`);
    this.certificate = this.#read('ca.pem');
  }

  /** `extensions` are lines of an OpenSSL configuration. */
  issue(name: string, extensions: readonly string[] = []): Issued {
    const number = this.#next++;
    const file = `leaf${number}`;
    writeFileSync(
      join(this.directory, `${file}.cnf`),
      [`subjectAltName=DNS:${name}`, 'basicConstraints=CA:FALSE', ...extensions].join('\n'),
    );
    this.#openssl(`req ${NEW_KEY} -subj /CN=${name} -keyout ${file}.key -out ${file}.csr`);
    this.#openssl(
      `x509 -req -in ${file}.csr -CA ca.pem -CAkey ca.key -days 20 -set_serial ${4096 + number} -extfile ${file}.cnf -out ${file}.pem`,
    );
    const certificate = this.#read(`${file}.pem`);
    const serial = (4096 + number).toString(16).toUpperCase();
    this.#index.push(`V\t491231235959Z\t\t${serial}\tunknown\t/CN=${name}`);
    return { chain: certificate + this.certificate, certificate, key: this.#read(`${file}.key`), serial };
  }

  /** For the responders that start afterwards. */
  revoke({ serial }: Issued): void {
    const at = this.#index.findIndex((line) => line.split('\t')[3] === serial);
    this.#index[at] = this.#index[at]!.replace(/^V\t(\w+)\t/, 'R\t$1\t250101000000Z');
  }

  /** Answers on the port; signed by the authority itself unless there is a signer. */
  respond(port: number, signer: Issued | null = null): Promise<Engine> {
    const own = `responder${port}`;
    writeFileSync(join(this.directory, `${own}.txt`), `${this.#index.join('\n')}\n`);
    writeFileSync(join(this.directory, `${own}.pem`), signer?.certificate ?? this.certificate);
    writeFileSync(join(this.directory, `${own}.key`), signer?.key ?? this.#read('ca.key'));
    return Engine.start('openssl', {
      args: words(
        `ocsp -index ${own}.txt -CA ca.pem -rsigner ${own}.pem -rkey ${own}.key -port ${port} -ndays 1 -ignore_err`,
      ),
      directory: this.directory,
      ready: /waiting for OCSP client|ACCEPT/,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  #openssl(command: string): void {
    execFileSync('openssl', words(command), { cwd: this.directory, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  #read(file: string): string {
    return readFileSync(join(this.directory, file), 'utf8');
  }
}
