// Routing sections of the install file. Files that its options name, such as certificates, are followed here; the file
// itself is read again by whoever reads the rest of it, and handed over: that is why it has no definition in the list
// of providers, as those that have options and a source of their own.

import type { Log } from '../../../core/log.ts';
import { aborted } from '../../../core/sleep.ts';
import type { RoutingConfig } from '../../config/routing/routing-config.ts';
import type { Provider, Publish } from '../define.ts';
import { namesUnreadable } from '../file/file-provider.ts';
import { FileWatch } from '../file/file-watch.ts';

/** Provider name of routing sections in the install file itself. */
export const INSTALL_PROVIDER = 'install';

/** What the install file says of routing. */
export interface OwnRouting {
  /** Null when it has no such section. */
  readonly routing: RoutingConfig | null;
  /** The same with the files as they are now that its options name. */
  readonly readRoutingAgain: (previous: RoutingConfig) => RoutingConfig;
}

export class InstallProvider implements Provider {
  readonly name = INSTALL_PROVIDER;
  #decodeAgain: (previous: RoutingConfig) => RoutingConfig;
  readonly #watch: FileWatch;
  #config: RoutingConfig;
  #publish: Publish = () => {};

  constructor(routing: RoutingConfig, decodeAgain: OwnRouting['readRoutingAgain'], log: Log) {
    this.#config = routing;
    this.#decodeAgain = decodeAgain;
    this.#watch = new FileWatch(() => void this.readAgain(), log);
  }

  async run(publish: Publish, signal: AbortSignal): Promise<void> {
    this.#publish = publish;
    publish(this.#config);
    await this.#follow();
    await aborted(signal);
    this.#watch.stop();
  }

  async readAgain(): Promise<void> {
    if (this.#config.filesRead.size === 0) return;
    this.#config = this.#decodeAgain(this.#config);
    this.#publish(this.#config);
    await this.#follow();
  }

  /** The file has been read again. */
  async replace({ routing, readRoutingAgain }: OwnRouting): Promise<void> {
    this.#decodeAgain = readRoutingAgain;
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
}
