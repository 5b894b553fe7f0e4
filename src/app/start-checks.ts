// What would keep a configuration from being run, or from doing its work, that stands in no file: addresses, files and
// directories it needs, credentials in the environment. `check` asks before `run` finds out.

import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SignalboxError } from '../core/errors.ts';
import { unreadableReason } from '../core/named-file.ts';
import type { Diagnostic, Severity } from '../model/diagnostic.ts';
import type { DiagnosticCode } from '../model/diagnostic-codes.ts';
import type { PathSegment } from '../schema/decode-context.ts';
import { formatPath } from '../schema/decode-context.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { refuseOpenFile } from '../controlplane/store/single-file-store.ts';
import { sharesAddress } from '../supervisor/entry-point-sockets.ts';

type Say = (severity: Severity, code: DiagnosticCode, path: readonly PathSegment[], message: string) => void;

/** `environment` is where DNS providers of certificates resolvers will look for their credentials. */
export async function startProblems(
  install: InstallConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly Diagnostic[]> {
  const found: Diagnostic[] = [];
  const say: Say = (severity, code, path, message) => {
    const place = install.locate(path) ?? { line: 0, column: 0 };
    found.push({ severity, code, message, source: install.source, path: formatPath(path), ...place });
  };
  checkAddresses(install, say);
  await checkStorage(install, say);
  await checkCredentials(install, environment, say);
  await checkLogs(install, say);
  await checkState(install, say);
  return found;
}

function checkAddresses({ entryPoints }: InstallConfig, say: Say): void {
  const all = Object.values(entryPoints);
  if (all.length === 0) {
    say(
      'error',
      'no-entry-point',
      [],
      'there is no entry point to listen on; write entryPoints: { web: { address: ":80" } }',
    );
  }
  for (const [index, { name, address }] of all.entries()) {
    const twin = all.slice(0, index).find((other) => sharesAddress(other.address, address));
    if (twin === undefined) continue;
    const message = `the entry point "${twin.name}" has this address; each needs one of its own`;
    say('error', 'address-taken', ['entryPoints', name, 'address'], message);
  }
}

async function checkStorage({ certificatesResolvers }: InstallConfig, say: Say): Promise<void> {
  const seen = new Set<string>();
  for (const { name, storage } of certificatesResolvers) {
    if (seen.has(storage)) continue;
    seen.add(storage);
    const path = ['certificatesResolvers', name, 'acme', 'storage'];
    try {
      await refuseOpenFile(storage, path.join('.'));
    } catch (error) {
      const message =
        error instanceof SignalboxError ? error.message.replace(`${path.join('.')}: `, '') : unreadableReason(error);
      say('error', 'unusable-path', path, message);
      continue;
    }
    await checkMade(dirname(storage), path, say);
  }
}

async function checkCredentials(
  { certificatesResolvers }: InstallConfig,
  environment: Readonly<Record<string, string | undefined>>,
  say: Say,
): Promise<void> {
  const withDns = certificatesResolvers.filter(({ dns }) => dns !== null);
  if (withDns.length === 0) return;
  const { dnsProviderProblem } = await import('../controlplane/acme/dns/registry.ts');
  for (const { name, dns } of withDns) {
    const problem = dnsProviderProblem(dns!.provider, environment);
    if (problem === null) continue;
    // Who checks a configuration need not have the secrets of who runs it.
    const message = `${problem}; without it no certificate is had`;
    say('warning', 'no-certificate', ['certificatesResolvers', name, 'acme', 'dnsChallenge', 'provider'], message);
  }
}

async function checkLogs({ log, accessLog }: InstallConfig, say: Say): Promise<void> {
  if (log.filePath !== '') await checkDirectory(log.filePath, ['log', 'filePath'], say);
  if (accessLog !== null && accessLog.filePath !== '') {
    await checkDirectory(accessLog.filePath, ['accessLog', 'filePath'], say);
  }
}

async function checkState({ state }: InstallConfig, say: Say): Promise<void> {
  if (state !== null) await checkMade(state.directory, ['state', 'directory'], say);
}

/** A directory that is made when it is not there, with what is above it. */
async function checkMade(directory: string, path: readonly PathSegment[], say: Say): Promise<void> {
  for (let at = directory; ; at = dirname(at)) {
    const info = await stat(at).catch(() => null);
    if (info === null && dirname(at) !== at) continue;
    if (info?.isDirectory() !== true) say('error', 'unusable-path', path, `${at} is no directory`);
    else if (!(await isWritable(at))) say('error', 'unusable-path', path, `${at} cannot be written to by this user`);
    return;
  }
}

/** Of a file that may not be there yet. */
async function checkDirectory(file: string, path: readonly PathSegment[], say: Say): Promise<void> {
  const directory = dirname(file);
  const info = await stat(directory).catch(() => null);
  if (info === null)
    say('error', 'unusable-path', path, `there is no directory ${directory}; make it, or name another one`);
  else if (!info.isDirectory()) say('error', 'unusable-path', path, `${directory} is no directory`);
  else if ((await stat(file).catch(() => null)) === null && !(await isWritable(directory))) {
    say('error', 'unusable-path', path, `${directory} cannot be written to by this user`);
  }
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}
