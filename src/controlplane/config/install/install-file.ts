// The install file: where it is looked for, and reading it whatever its kind.

import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { NamedFileError, readNamedFile, unreadableReason } from '../../../core/named-file.ts';
import { MAX_FILE_BYTES, parseConfig, type ConfigDocument } from '../document/document.ts';
import type { DiagnosticCode } from '../../../model/diagnostic-codes.ts';

/** Traefik's files are taken as they are. */
const PRODUCTS: readonly (readonly [name: string, endings: readonly string[]])[] = [
  ['signalbox', ['toml', 'yaml', 'yml', 'config.ts', 'config.mts', 'config.js', 'config.mjs']],
  ['traefik', ['toml', 'yaml', 'yml']],
];

/** Paths in the order they are looked for. */
export function installFileCandidates(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const { XDG_CONFIG_HOME: xdg, HOME: home } = environment;
  return PRODUCTS.flatMap(([name, endings]) =>
    [join('/etc', name), xdg, home === undefined ? undefined : join(home, '.config'), '.']
      .filter((directory) => directory !== undefined && directory !== '')
      .flatMap((directory) => endings.map((ending) => join(directory!, `${name}.${ending}`))),
  );
}

/** The first that exists, or null. */
export async function findInstallFile(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  for (const path of installFileCandidates(environment)) {
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
  }
  return null;
}

export function isConfigModule(path: string): boolean {
  return /\.[mc]?[jt]s$/i.test(path);
}

/** Never rejects: what is wrong is in the diagnostics, and the value is undefined. */
export async function readInstallFile(path: string): Promise<ConfigDocument> {
  const problem = (code: DiagnosticCode, message: string, line = 0, column = 0): ConfigDocument => ({
    source: path,
    text: '',
    value: undefined,
    locate: () => null,
    diagnostics: [{ severity: 'error', code, message, source: path, path: '', line, column }],
  });
  try {
    const info = await stat(path);
    if (info.isDirectory()) return problem('file-unreadable', 'this is a directory; name a file in it');
    // Also of a module, which its loader reads once more: nothing else may wait there.
    const { text } = await readNamedFile(path, MAX_FILE_BYTES);
    if (isConfigModule(path))
      return await (await import('../document/config-module.ts')).readConfigModule(path, problem);
    return parseConfig(path, text);
  } catch (error) {
    const reason = unreadableReason(error);
    if (error instanceof NamedFileError && error.code === 'TOO_LARGE') {
      return problem('file-too-large', `the file is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
    }
    return problem(
      'file-unreadable',
      reason === 'ENOENT'
        ? 'the file does not exist; "signalbox demo" shows a complete one'
        : `the file cannot be read (${reason})`,
    );
  }
}
