// The cells as workers of this process follow them. What a worker is to have from its first connection on travels with
// its first message; what is set later is sent, in its order with the deltas of the snapshot.

import { LatestValue, type Following } from '../core/latest-value.ts';
import type { CellName, Cells, CellUpdate } from '../model/message/cells.ts';
import type { ToWorker } from '../model/message/sync.ts';

export class WorkerCells {
  readonly #cells: Cells;
  /**
   * Which services' servers have come up or gone down. The table that says which has it all: nobody needs what was
   * before.
   */
  readonly #health = new LatestValue<null, readonly string[]>(null);

  constructor(cells: Cells) {
    this.#cells = cells;
  }

  healthChanged(services: readonly string[]): void {
    this.#health.set(null, services);
  }

  follow(): WorkerFollowing {
    const following = new WorkerFollowing();
    const { secrets, challenges, staples, ticketKeys } = this.#cells;
    following.follows(
      'secrets',
      secrets.follow({
        take: ({ version, value, change }) =>
          following.take({
            cell: 'secrets',
            version,
            isWhole: change === null,
            ...(change ?? { changed: value, removed: [] }),
          }),
      }),
    );
    following.follows(
      'ticketKeys',
      ticketKeys.follow(
        { take: ({ version, value }) => following.take({ cell: 'ticketKeys', version, keys: value }) },
        // Those of its start are in what it shares with the others.
        ticketKeys.version,
      ),
    );
    following.follows(
      'challenges',
      challenges.follow({ take: ({ version, value }) => following.take({ cell: 'challenges', version, value }) }),
    );
    following.follows(
      'staples',
      staples.follow({
        take: ({ version, value, change }) =>
          following.take({
            cell: 'staples',
            version,
            isWhole: change === null,
            staples: change ?? [...value.values()],
          }),
      }),
    );
    following.follows(
      'health',
      this.#health.follow(
        { take: ({ version, change }) => following.take({ cell: 'health', version, services: change ?? [] }) },
        // A worker that begins looks at the table anyway.
        this.#health.version,
      ),
    );
    return following;
  }
}

/** What one worker has of the cells. */
export class WorkerFollowing {
  readonly #followings = new Map<CellName, Following>();
  readonly #initial: CellUpdate[] = [];
  #worker: { send(message: ToWorker): void } | null = null;

  follows(cell: CellName, following: Following): void {
    this.#followings.set(cell, following);
  }

  take(update: CellUpdate): void {
    if (this.#worker === null) this.#initial.push(update);
    else this.#worker.send({ kind: 'cell', update });
  }

  /** For its first message. */
  get initial(): readonly CellUpdate[] {
    return this.#initial;
  }

  sendTo(worker: { send(message: ToWorker): void }): void {
    this.#worker = worker;
  }

  /** It has begun, and so has what came with its first message. */
  begun(): void {
    for (const { cell, version } of this.#initial) this.acknowledged(cell, version);
  }

  acknowledged(cell: CellName, version: number): void {
    this.#followings.get(cell)?.acknowledge(version);
  }

  /** It is gone. */
  end(): void {
    for (const following of this.#followings.values()) following.end();
  }
}
