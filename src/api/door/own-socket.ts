// The Unix socket of the API: it may be there from an earlier process, or another one's by now.

import { stat, unlink } from 'node:fs/promises';
import net from 'node:net';
import { SignalboxError } from '../../core/errors.ts';

/** A socket file that nothing listens on any more is replaced. */
export async function refuseIfServed(path: string, isSuccessor: boolean): Promise<void> {
  if (isSuccessor) return;
  const isAlive = await new Promise<boolean | null>((resolve) => {
    const probe = net.connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? false : null));
  });
  if (isAlive === true) {
    throw new SignalboxError(
      'ERR_LISTEN_ADDRESS_IN_USE',
      `api.socket: another process listens on ${path}; stop it or choose another path`,
    );
  }
  const info = await stat(path).catch(() => null);
  if (info !== null && !info.isSocket()) {
    throw new SignalboxError('ERR_LISTEN_FAILED', `api.socket: ${path} is there and is no socket; choose another path`);
  }
}

/** Unless a successor has put its own into place. */
export async function removeOwn({ path, inode }: { readonly path: string; readonly inode: number }): Promise<void> {
  const info = await stat(path).catch(() => null);
  if (info?.ino === inode) await unlink(path).catch(() => {});
}
