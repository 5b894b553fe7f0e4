// Certificates of the local authority for names of this machine, made when they are asked for and renewed while the
// router runs. Their keys are in memory alone: another process makes its own.

import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { KeyedCertificate } from '../../model/tls.ts';
import type { LocalCertificateSource } from '../compile/secret/local-names.ts';
import { parseCertificate } from '../config/certificate.ts';
import { certificatePath, findAuthority, openAuthority } from './authority-directory.ts';
import { isLoopbackName, issueLeaf, LEAF_DAYS, type Root } from './root-certificate.ts';
import { parseIp } from '../../core/ip.ts';

const DAY_MS = 86_400_000;
/** Long before one would be shown as about to end. */
const RENEW_MS = (LEAF_DAYS - 5) * DAY_MS;
/** What nobody has on one machine by hand. */
const MAX_CERTIFICATES = 1000;
const LOCALHOST = ['localhost', '127.0.0.1', '::1'];

export interface LocalCertificatesOptions {
  /** Null when there is no place for an authority. */
  readonly directory: string | null;
  /** Names beside those of this machine that it is to certify. */
  readonly names: readonly string[];
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Log;
}

export class LocalCertificates implements LocalCertificateSource {
  readonly #options: LocalCertificatesOptions;
  #root: Root | null = null;
  /** By their first host. */
  #certificates = new Map<string, KeyedCertificate>();
  #said = '';

  constructor(options: LocalCertificatesOptions) {
    this.#options = options;
  }

  get names(): readonly string[] {
    return this.#options.names;
  }

  certifies(host: string): boolean {
    return isLoopbackName(host) || this.#options.names.includes(host);
  }

  /** None when the authority cannot be used, which the log says. */
  certificatesFor(hosts: readonly string[]): readonly KeyedCertificate[] {
    const { directory, names, clock, log } = this.#options;
    if (hosts.length === 0) {
      this.#certificates.clear();
      return [];
    }
    if (directory === null) {
      this.#say(
        'hosts of this machine have the self-signed default certificate: there is no place for a local authority; set HOME, XDG_DATA_HOME or state.directory',
        {},
      );
      return [];
    }
    const now = clock.wall();
    try {
      const isNew = findAuthority(directory) === null;
      const root = openAuthority(directory, names, now);
      if (isNew) {
        const certificate = certificatePath(directory);
        log.info('a local authority was made; "signalbox trust" makes browsers accept it', { certificate });
      }
      if (root.fingerprint !== this.#root?.fingerprint) this.#certificates.clear();
      this.#root = root;
      this.#certificates = this.#present(root, hosts, now);
      return [...this.#certificates.values()];
    } catch (error) {
      this.#say('hosts of this machine have the self-signed default certificate', { error: messageOf(error) });
      return [];
    }
  }

  #present(root: Root, hosts: readonly string[], now: number): Map<string, KeyedCertificate> {
    const present = new Map<string, KeyedCertificate>();
    for (const group of grouped(hosts)) {
      if (present.size === MAX_CERTIFICATES) {
        this.#say('there are more hosts of this machine than the local authority makes certificates for', {
          most: MAX_CERTIFICATES,
        });
        break;
      }
      const [first = ''] = group;
      const before = this.#certificates.get(first);
      const isGood = before !== undefined && before.notAfter - now > RENEW_MS && before.hosts.join() === group.join();
      present.set(first, isGood ? before : issue(root, group, now));
    }
    return present;
  }

  /**
   * Something would be other than it is: a certificate is to be renewed, or another process has changed the authority.
   */
  get isDue(): boolean {
    const { directory, clock } = this.#options;
    if (this.#certificates.size === 0 || directory === null) return false;
    const now = clock.wall();
    if ([...this.#certificates.values()].some(({ notAfter }) => notAfter - now <= RENEW_MS)) return true;
    try {
      return findAuthority(directory)?.fingerprint !== this.#root?.fingerprint;
    } catch {
      // What is served stays until it is to be renewed.
      return false;
    }
  }

  #say(message: string, fields: Readonly<Record<string, unknown>>): void {
    const whole = message + JSON.stringify(fields);
    if (whole === this.#said) return;
    this.#said = whole;
    this.#options.log.warn(message, fields);
  }
}

/**
 * One certificate for each name, but for those that every browser takes for one machine: addresses go with `localhost`.
 */
function grouped(hosts: readonly string[]): readonly (readonly string[])[] {
  const isOfLocalhost = (host: string): boolean =>
    host === 'localhost' || (parseIp(host) !== null && isLoopbackName(host));
  const own = hosts.filter(isOfLocalhost);
  const others = hosts.filter((host) => !isOfLocalhost(host)).map((host) => [host]);
  return own.length === 0 ? others : [[...new Set([...LOCALHOST, ...own])], ...others];
}

function issue(root: Root, hosts: readonly string[], now: number): KeyedCertificate {
  const { certificate, key } = issueLeaf(root, hosts, now);
  const parsed = parseCertificate(certificate, key);
  if (typeof parsed === 'string') throw new Error(parsed);
  return { ...parsed, isDefault: false };
}
