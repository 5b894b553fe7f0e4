// `${NAME}`, `${NAME:-default}` and `${file:/path}` in configuration values. What stands between the braces and is none
// of these stays as it is: replacements of regular expressions use the same signs (`${1}`).

import { unreadableReason } from '../core/named-file.ts';

/** Where substitutions find their values. Sources that others than the operator write get none. */
export interface Substitutions {
  /** Undefined when the variable is not set. */
  variable(name: string): string | undefined;
  /** Throws when the file cannot be read. */
  file(path: string): string;
}

/** A literal `${` is written `$${`. */
const PLACE = /\$?\$\{(?:file:([^}]+)|([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?)\}/g;

export interface SubstitutionProblem {
  readonly message: string;
}

/** The text with every substitution made, or what is wrong with the first that cannot be. */
export function substitute(text: string, from: Substitutions): string | SubstitutionProblem {
  let problem: SubstitutionProblem | null = null;
  const result = text.replace(PLACE, (whole: string, path?: string, name?: string, fallback?: string) => {
    if (whole.startsWith('$$')) return whole.slice(1);
    const found = path === undefined ? variable(name!, fallback, from) : content(path, from);
    if (typeof found === 'string') return found;
    problem ??= found;
    return '';
  });
  return problem ?? result;
}

function variable(name: string, fallback: string | undefined, from: Substitutions): string | SubstitutionProblem {
  const value = from.variable(name);
  // As in a shell: `:-` also stands in for an empty value.
  if (fallback !== undefined && (value === undefined || value === '')) return fallback;
  return (
    value ?? {
      message: `the environment variable ${name} is not set; set it, or write a default as in \${${name}:-value}`,
    }
  );
}

function content(path: string, from: Substitutions): string | SubstitutionProblem {
  try {
    // Editors and `echo` end a file with a line break that is not part of the secret.
    return from.file(path).replace(/\r?\n$/, '');
  } catch (error) {
    return { message: `the file ${path} cannot be read (${unreadableReason(error)})` };
  }
}
