// Settings of DNS providers come from environment variables, under the names that users of lego and Traefik know; every
// one may be given as a file instead, by the same name with `_FILE`.

import { readNamedFileSync, unreadableReason } from '../../../core/named-file.ts';
import { AcmeFailure } from '../failure.ts';

const MAX_FILE_BYTES = 64 * 1024;

export class ProviderEnvironment {
  readonly #variables: Readonly<Record<string, string | undefined>>;

  constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.#variables = variables;
  }

  /** Everything, for a program that is started. */
  get all(): Readonly<Record<string, string | undefined>> {
    return this.#variables;
  }

  /** Of the first of these names that is set; null when none is. */
  get(...names: readonly string[]): string | null {
    for (const name of names) {
      const value = this.#variables[name];
      if (value !== undefined && value !== '') return value;
      const path = this.#variables[`${name}_FILE`];
      if (path !== undefined && path !== '') return readSecret(`${name}_FILE`, path);
    }
    return null;
  }

  required(...names: readonly string[]): string {
    const value = this.get(...names);
    if (value !== null) return value;
    throw new AcmeFailure(`the environment variable ${names.join(' or ')} is not set`, { scope: 'authority' });
  }

  /** A whole number. */
  number(names: readonly string[], fallback: number): number {
    const text = this.get(...names);
    if (text === null) return fallback;
    if (/^[0-9]{1,9}$/.test(text)) return Number(text);
    throw new AcmeFailure(`the environment variable ${names[0]} must be a whole number`, { scope: 'authority' });
  }

  milliseconds(names: readonly string[], fallbackSeconds: number): number {
    return this.number(names, fallbackSeconds) * 1000;
  }

  flag(names: readonly string[], fallback: boolean): boolean {
    const text = this.get(...names);
    return text === null ? fallback : /^(?:1|t|true)$/i.test(text);
  }

  url(names: readonly string[], fallback: string | null): string {
    const text = fallback === null ? this.required(...names) : (this.get(...names) ?? fallback);
    if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, '');
    throw new AcmeFailure(`the environment variable ${names[0]} is no URL`, { scope: 'authority' });
  }
}

function readSecret(name: string, path: string): string {
  try {
    return readNamedFileSync(path, MAX_FILE_BYTES).trim();
  } catch (error) {
    throw new AcmeFailure(`the file of the environment variable ${name} cannot be read: ${unreadableReason(error)}`, {
      scope: 'authority',
    });
  }
}
