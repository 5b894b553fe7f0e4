// A Docker engine as a source of services, for what all providers are asked.

import { operatorSubstitutions } from '../../src/controlplane/config/install/operator-substitutions.ts';
import { decodeInstall } from '../../src/controlplane/config/install/load-install.ts';
import { decoderOf, optionsOf, type Provider, type ProviderContext } from '../../src/controlplane/providers/define.ts';
import { dockerProvider } from '../../src/controlplane/providers/docker/docker-provider.ts';
import { NO_PLUGINS } from '../../src/schema/decode-context.ts';
import { DockerEngine } from './docker-engine.ts';
import { FaultyPath } from './faulty-path.ts';
import { join } from 'node:path';
import type { SourceFixture } from './source-suite.ts';

/** A network beside the engine's own. */
const OTHER = 'other';

export class DockerFixture implements SourceFixture {
  readonly engine: DockerEngine;
  readonly path: FaultyPath;
  readonly secret = 'sesame-4711';

  private constructor(engine: DockerEngine, path: FaultyPath) {
    this.engine = engine;
    this.path = path;
  }

  static async start(): Promise<DockerFixture> {
    const engine = await DockerEngine.start();
    await engine.docker('network', 'create', OTHER);
    const path = await FaultyPath.start({
      target: engine.socket,
      path: join(engine.directory, 'path.sock'),
      stream: /^GET \/v[\d.]+\/events\?/,
    });
    return new DockerFixture(engine, path);
  }

  create(context: Omit<ProviderContext, 'decode'>): Provider {
    const socket = join(this.engine.directory, 'path.sock');
    return createDocker(
      `{ endpoint: "unix://${socket}", username: somebody, password: ${this.secret}, resyncInterval: 1s, httpClientTimeout: 3s }`,
      context,
    );
  }

  async put(name: string): Promise<void> {
    const rule = `traefik.http.routers.${name}.rule=Host(\`${name}.test\`)`;
    await this.engine.serve(name, { labels: [rule, `traefik.http.services.${name}.loadbalancer.server.port=80`] });
  }

  async change(name: string): Promise<void> {
    await this.engine.docker('network', 'connect', OTHER, name);
    await this.engine.docker('network', 'disconnect', 'bridge', name);
  }

  async remove(name: string): Promise<void> {
    await this.engine.docker('rm', '-f', name);
  }

  async clear(): Promise<void> {
    const ids = (await this.engine.docker('ps', '-aq')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.engine.docker('rm', '-f', ...ids);
  }

  kill(): Promise<void> {
    return this.engine.signal('KILL');
  }

  async comeBack(): Promise<void> {
    await this.engine.signal('start');
    await this.engine.answers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.path[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
  }
}

/** With options as they are written below `providers.docker`, in a line of YAML. */
export function createDocker(options: string, context: Omit<ProviderContext, 'decode'>): Provider {
  const { value, diagnostics } = decodeInstall(
    'signalbox.yml',
    `entryPoints: { web: { address: ":80" } }\nproviders: { docker: ${options} }\n`,
  );
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (value === null || errors.length > 0) throw new Error(JSON.stringify(errors));
  const decode = decoderOf(dockerProvider, operatorSubstitutions({}), NO_PLUGINS);
  return dockerProvider.create!(optionsOf(dockerProvider, value.providers)!, { ...context, decode });
}
