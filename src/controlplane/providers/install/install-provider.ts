// Routing sections of the install file. Files that its options name, such as certificates, are followed here; the file
// itself is read again by whoever reads the rest of it, and handed over.

import type { Log } from '../../../core/log.ts';
import type { RoutingConfig } from '../../config/routing/routing-config.ts';
import { INSTALL_PROVIDER, type InstallConfig } from '../../config/install/install-config.ts';
import type { Provider } from '../define.ts';
import { namesUnreadable } from '../file/file-provider.ts';
import { FileWatch } from '../file/file-watch.ts';

export class InstallProvider implements Provider {
  readonly name = INSTALL_PROVIDER;
  #readAgain: (previous: RoutingConfig) => RoutingConfig;
  readonly #watch: FileWatch;
  #config: RoutingConfig;
  #publish: (config: RoutingConfig) => void = () => {};

  constructor(routing: NonNullable<InstallConfig['routing']>, readAgain: InstallConfig['readRoutingAgain'], log: Log) {
    this.#config = routing;
    this.#readAgain = readAgain;
    this.#watch = new FileWatch(() => void this.reload(), log);
  }

  async start(publish: (config: RoutingConfig) => void): Promise<void> {
    this.#publish = publish;
    publish(this.#config);
    await this.#follow();
  }

  async reload(): Promise<void> {
    if (this.#config.filesRead.size === 0) return;
    this.#config = this.#readAgain(this.#config);
    this.#publish(this.#config);
    await this.#follow();
  }

  /** The file has been read again. */
  async replace({ routing, readRoutingAgain }: Pick<InstallConfig, 'routing' | 'readRoutingAgain'>): Promise<void> {
    this.#readAgain = readRoutingAgain;
    // Without any routing section now: that is one without objects.
    this.#config = routing ?? readRoutingAgain(this.#config);
    this.#publish(this.#config);
    await this.#follow();
  }

  async #follow(): Promise<void> {
    const { filesRead } = this.#config;
    await this.#watch.follow([], [...filesRead]);
    if (namesUnreadable(this.#config)) this.#watch.retry();
    else this.#watch.succeeded();
  }

  stop(): Promise<void> {
    this.#watch.stop();
    return Promise.resolve();
  }
}
