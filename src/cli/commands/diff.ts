// `signalbox diff FILE…`: what routing files would change in the running router.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SignalboxError, messageOf } from '../../core/errors.ts';
import { readNamedFile, unreadableReason } from '../../core/named-file.ts';
import { isConfigFile, MAX_FILE_BYTES } from '../../controlplane/config/document/document.ts';
import type { ObjectChange } from '../../controlplane/pipeline/diff.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import { AdminClient } from '../admin-client.ts';
import type { Arguments } from '../arguments.ts';
import { formatDiagnostics } from '../format-diagnostic.ts';
import { EXIT_FAILED, EXIT_OK, type Io } from '../io.ts';

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

interface CheckAnswer {
  readonly isValid: boolean;
  readonly diagnostics: readonly Diagnostic[];
  readonly changes: readonly ObjectChange[];
}

export async function diff(args: Arguments, io: Io): Promise<number> {
  const files: { path: string; text: string }[] = [];
  for (const path of args.positionals) files.push(...(await readFiles(path)));
  const client = await AdminClient.find(args, io);
  const answer = await client.json<CheckAnswer>('POST', '/api/check', { files });
  const { isValid, diagnostics, changes } = answer;
  if (args.flags.has('json')) io.out(`${JSON.stringify(answer, null, 2)}\n`);
  else {
    if (client.pinned !== null) io.out(`${client.pinned}\n`);
    io.out(formatDiagnostics(diagnostics, io));
    io.out(changes.length === 0 ? 'no changes\n' : changes.map(formatChange).join(''));
  }
  return isValid ? EXIT_OK : EXIT_FAILED;
}

async function readFiles(path: string): Promise<{ path: string; text: string }[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [{ path, text: await textOf(path) }];
    const names = (await readdir(path, { recursive: true })).filter(isConfigFile).toSorted();
    return await Promise.all(
      names.map(async (name) => ({ path: join(path, name), text: await textOf(join(path, name)) })),
    );
  } catch (error) {
    if (error instanceof SignalboxError) throw error;
    throw new SignalboxError('ERR_CONFIG_UNREADABLE', messageOf(error));
  }
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
