// `signalbox diff FILE…`: what files would change in the running router: routing files, and the routing sections of an
// install file with the routing files that it names.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SignalboxError, messageOf } from '../../core/errors.ts';
import { readNamedFile, unreadableReason } from '../../core/named-file.ts';
import { isConfigFile, MAX_FILE_BYTES } from '../../controlplane/config/document/document.ts';
import type { ObjectChange } from '../../controlplane/pipeline/diff.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import { INSTALL_PROVIDER } from '../../controlplane/providers/install/install-provider.ts';
import { isConfigModule } from '../../controlplane/config/install/install-file.ts';
import { loadInstallConfig } from '../../controlplane/config/install/load-install.ts';
import { optionsOf } from '../../controlplane/providers/define.ts';
import { fileProvider } from '../../controlplane/providers/file/file-provider.ts';
import { AdminClient } from '../admin-client.ts';
import type { Arguments } from '../arguments.ts';
import { isInstallFile } from '../checked-files.ts';
import { formatDiagnostics } from '../format-diagnostic.ts';
import { EXIT_FAILED, EXIT_OK, type Io } from '../io.ts';

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

interface CheckAnswer {
  readonly isValid: boolean;
  readonly diagnostics: readonly Diagnostic[];
  readonly changes: readonly ObjectChange[];
}

export async function diff(args: Arguments, io: Io): Promise<number> {
  const files = new Map<string, CheckedFile>();
  for (const path of args.positionals) {
    for (const file of await readFiles(path)) {
      files.set(file.path, file);
      if (file.provider === undefined) continue;
      for (const named of await filesNamedBy(file.path, io)) files.set(named.path, named);
    }
  }
  const client = await AdminClient.find(args, io);
  const answer = await client.json<CheckAnswer>('POST', '/api/check', { files: [...files.values()] });
  const { isValid, diagnostics, changes } = answer;
  if (args.flags.has('json')) io.out(`${JSON.stringify(answer, null, 2)}\n`);
  else {
    if (client.pinned !== null) io.out(`${client.pinned}\n`);
    io.out(formatDiagnostics(diagnostics, io));
    io.out(changes.length === 0 ? 'no changes\n' : changes.map(formatChange).join(''));
  }
  return isValid ? EXIT_OK : EXIT_FAILED;
}

interface CheckedFile {
  readonly path: string;
  readonly text: string;
  /** Left out for files of the provider that reads files. */
  readonly provider?: string;
}

/** What the file provider of an install file reads; nothing when it does not say, or the file has errors. */
async function filesNamedBy(path: string, io: Io): Promise<readonly CheckedFile[]> {
  const { value } = await loadInstallConfig({ path, environment: io.environment, flags: [], withoutPlugins: true });
  const { filename, directory } = (value === null ? null : optionsOf(fileProvider, value.providers)) ?? {};
  const named = directory ?? filename;
  return named === undefined ? [] : readFiles(named);
}

async function readFiles(path: string): Promise<readonly CheckedFile[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [await checkedFile(path)];
    const names = (await readdir(path, { recursive: true })).filter(isConfigFile).toSorted();
    return await Promise.all(names.map(async (name) => checkedFile(join(path, name))));
  } catch (error) {
    if (error instanceof SignalboxError) throw error;
    if (unreadableReason(error) === 'ENOENT') {
      throw new SignalboxError('ERR_CONFIG_UNREADABLE', `there is no file or directory ${path}; look where you are`);
    }
    throw new SignalboxError('ERR_CONFIG_UNREADABLE', messageOf(error));
  }
}

async function checkedFile(path: string): Promise<CheckedFile> {
  if (isConfigModule(path)) {
    throw new SignalboxError(
      'ERR_CONFIG_UNREADABLE',
      `${path} is a program: diff takes YAML, TOML and JSON; what a program gives is seen with "check"`,
    );
  }
  const text = await textOf(path);
  return (await isInstallFile(path)) ? { path, text, provider: INSTALL_PROVIDER } : { path, text };
}

async function textOf(path: string): Promise<string> {
  try {
    return (await readNamedFile(path, MAX_FILE_BYTES)).text;
  } catch (error) {
    throw new SignalboxError('ERR_CONFIG_UNREADABLE', `${path} cannot be read: ${unreadableReason(error)}`);
  }
}

function formatChange({ kind, name, change, status, fields }: ObjectChange): string {
  const state = status === 'enabled' ? '' : `  (${status})`;
  const lines = fields.map((field) => {
    const before = 'before' in field ? JSON.stringify(field.before) : null;
    const after = 'after' in field ? JSON.stringify(field.after) : null;
    if (before === null) return `    + ${field.path}: ${after}\n`;
    return after === null ? `    - ${field.path}: ${before}\n` : `    ~ ${field.path}: ${before} → ${after}\n`;
  });
  return `${SIGNS[change]} ${kind} ${name}${state}\n${change === 'removed' ? '' : lines.join('')}`;
}
