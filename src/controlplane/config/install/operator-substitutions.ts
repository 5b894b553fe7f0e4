// The substitutions of sources that the operator writes: environment variables and small files. Remembers what was
// asked for, so that a dry run on somebody else's behalf gets no more than the configuration in force already uses.

import { readNamedFileSync } from '../../../core/named-file.ts';
import type { Substitutions } from '../../../schema/substitution.ts';

/** Secrets are lines, not archives. */
const MAX_SECRET_BYTES = 64 * 1024;

export interface OperatorSubstitutions extends Substitutions {
  /** The same for variables and files that have been asked for; all others are refused. */
  readonly known: Substitutions;
}

export function operatorSubstitutions(
  environment: Readonly<Record<string, string | undefined>>,
): OperatorSubstitutions {
  const variables = new Set<string>();
  const files = new Set<string>();
  const variable = (name: string): string | undefined => environment[name];
  return {
    variable(name) {
      variables.add(name);
      return variable(name);
    },
    file(path) {
      files.add(path);
      return readSecret(path);
    },
    known: {
      variable: (name) => (variables.has(name) ? variable(name) : undefined),
      file(path) {
        if (!files.has(path)) throw new Error('the configuration in force does not use it');
        return readSecret(path);
      },
    },
  };
}

function readSecret(path: string): string {
  return readNamedFileSync(path, MAX_SECRET_BYTES);
}
