// A Docker engine of a test file's own: its own socket, data and network namespace, whose addresses nobody else uses.
// Everything in it ends with the process that has started it, also where that one is killed. Containers are made from
// one image of a few static programs. What is to talk to containers runs in the namespace as well; a test reaches ports
// in there through a relay.

import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findProgram, missingPrograms } from './engine.ts';
import { cleanEnvironment } from './marked-processes.ts';

const run = promisify(execFile);

/** The programs with their packages in Debian. */
export function missingDocker(): string | null {
  if (process.getuid?.() !== 0) return 'skipped: a Docker engine is started by root only';
  return missingPrograms('dockerd', 'docker', 'busybox', 'unshare', 'nsenter', 'ip', 'iptables');
}

/** Image of all containers: `/bin/busybox`, and `/bin/sh`. */
export const IMAGE = 'site';

export interface ServeOptions {
  /** Of `docker run`, without labels, divided by blanks. */
  readonly args?: string;
  readonly labels?: readonly string[];
  /** 80 when left out. */
  readonly port?: number;
}

/**
 * Answers its name, given as an argument, at `/` and `/load`. Asked to end, it takes no more connections, and has time
 * for the answers that are in progress.
 */
const SERVE = `
mkdir -p /www
for page in index.html load; do echo -n "$0" > /www/$page; done
trap 'kill $!; sleep 2; exit 0' TERM
httpd -f -p "$1" -h /www &
wait
`;

// The first process of the namespace: starts the engine when it is told to, and signals it. It ends with its standard
// input, and everything in the namespace with it.
const SUPERVISOR = `
ip link set lo up
mount -t tmpfs none /run
mkdir -p "$0/data"
mount -t tmpfs none "$0/data"
echo ready
while read -r word; do
  case "$word" in
    start)
      dockerd -H "unix://$0/docker.sock" --data-root "$0/data" --exec-root "$0/exec" -p "$0/docker.pid" --live-restore \
        --bip 198.18.0.1/24 --default-address-pool base=198.18.64.0/18,size=24 >&2 &
      engine=$!;;
    *) kill "-$word" "$engine"; [ "$word" != KILL ] || wait "$engine" 2> /dev/null;;
  esac
  echo done
done
`;

export class DockerEngine implements AsyncDisposable {
  readonly directory: string;
  readonly #supervisor: ChildProcessWithoutNullStreams;
  /** Rejects when it has. */
  readonly #ended: Promise<never>;
  readonly #relays: net.Server[] = [];
  #relay: Promise<ChildProcessWithoutNullStreams> | null = null;
  /** Everything that the engine has said. */
  #said = '';
  #starts = 0;

  private constructor(directory: string, supervisor: ChildProcessWithoutNullStreams) {
    this.directory = directory;
    this.#supervisor = supervisor;
    this.#ended = once(supervisor, 'exit').then(() => Promise.reject(new Error(`the engine ended:\n${this.#said}`)));
    // Whoever waits for something hears of it.
    this.#ended.catch(() => {});
    supervisor.stderr.on('data', (chunk: Buffer) => (this.#said += chunk.toString()));
  }

  /** Rejects with what the engine said when it does not come up. */
  static async start(): Promise<DockerEngine> {
    const directory = await mkdtemp(join(tmpdir(), 'signalbox-docker-'));
    const supervisor = spawn(
      'unshare',
      ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', SUPERVISOR, directory],
      { stdio: 'pipe', env: cleanEnvironment({ PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }) },
    );
    const engine = new DockerEngine(directory, supervisor);
    await engine.#answer();
    await engine.signal('start');
    await engine.answers();
    await engine.importImage(IMAGE);
    return engine;
  }

  get socket(): string {
    return join(this.directory, 'docker.sock');
  }

  /** `start`, or the name of a signal without SIG. */
  async signal(word: string): Promise<void> {
    const answer = this.#answer();
    if (word === 'start') this.#starts++;
    this.#supervisor.stdin.write(`${word}\n`);
    await answer;
  }

  /** Settles when the engine listens, as often as it has been started. */
  async answers(): Promise<void> {
    const isUp = (): boolean => this.#said.split('API listen on').length > this.#starts;
    while (!isUp()) {
      await Promise.race([once(this.#supervisor.stderr, 'data'), this.#ended]);
    }
  }

  /** The output of the docker command. */
  async docker(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('docker', ['-H', `unix://${this.socket}`, ...args], { env: cleanEnvironment() });
    return stdout.trim();
  }

  /** An image of a few programs, with what `docker import -c` says of it. */
  async importImage(name: string, ...changes: readonly string[]): Promise<void> {
    const root = join(this.directory, 'root');
    const archive = join(this.directory, 'image.tar');
    await mkdir(join(root, 'bin'), { recursive: true });
    await cp(findProgram('busybox')!, join(root, 'bin/busybox'));
    await writeFile(join(root, 'bin/well'), '#!/bin/sh\ntest -e /tmp/well\n', { mode: 0o755 });
    for (const program of ['sh', 'sleep', 'mkdir', 'hostname', 'rm', 'touch', 'httpd']) {
      await symlink('busybox', join(root, 'bin', program)).catch(() => {});
    }
    await run('tar', ['-C', root, '-cf', archive, '.']);
    await this.docker('import', ...changes.flatMap((change) => ['-c', change]), archive, name);
  }

  /** Starts a container that answers its name to everybody; returns its id. */
  serve(name: string, { args = '', labels = [], port = 80 }: ServeOptions = {}): Promise<string> {
    const given = [...args.split(' ').filter((one) => one !== ''), ...labels.flatMap((label) => ['-l', label])];
    return this.docker('run', '-d', '--name', name, ...given, IMAGE, '/bin/sh', '-c', SERVE, name, String(port));
  }

  /** In front of a command that is to run in the engine's network. */
  get inside(): readonly string[] {
    return ['nsenter', `--net=/proc/${this.#first}/ns/net`, '--'];
  }

  /** A port of this machine's loopback that leads to one of the loopback in there. */
  async reach(port: number): Promise<number> {
    this.#relay ??= this.#startRelay();
    await this.#relay;
    const server = net.createServer({ allowHalfOpen: true }, (near) => {
      const far = net.connect({ path: this.#relayPath, allowHalfOpen: true });
      far.write(`${port}\n`);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('error', () => to.destroy());
        from.pipe(to);
      }
    });
    this.#relays.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#relays) server.close();
    const relay = await this.#relay;
    if (relay !== null) {
      const closed = once(relay, 'exit');
      relay.stdin.end();
      await closed;
    }
    const ended = once(this.#supervisor, 'exit');
    if (this.#supervisor.exitCode === null && this.#supervisor.signalCode === null) {
      this.#supervisor.kill('SIGKILL');
      await ended;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  async #startRelay(): Promise<ChildProcessWithoutNullStreams> {
    const script = fileURLToPath(new URL('namespace-relay.mjs', import.meta.url));
    const [program, ...args] = [...this.inside, process.execPath, script, this.#relayPath];
    const child = spawn(program!, args, { stdio: 'pipe', env: cleanEnvironment() });
    await once(child.stdout, 'data');
    return child;
  }

  get #relayPath(): string {
    return join(this.directory, 'relay.sock');
  }

  /** Of the namespace, as this one's processes are numbered. */
  get #first(): number {
    return this.#supervisor.pid!;
  }

  async #answer(): Promise<void> {
    await Promise.race([once(this.#supervisor.stdout, 'data'), this.#ended]);
  }
}
