// What all threads of the process share in memory, as definitions: how large a table is, what a thread sees of it,
// and how what a dead worker held is given back. Whoever has the list of them (dataplane/engine/shared-tables.ts)
// allocates, lends and clears all tables alike; none has lines of its own anywhere else.

/** What the size of a table may depend on. */
export interface TableLimits {
  readonly workerSlots: number;
}

export interface SharedTable<View, Name extends string = string> {
  /** Under which its memory travels to workers: one per list. */
  readonly name: Name;
  /** Fresh memory is all zeros, which must be an empty table; pages that nobody touches cost nothing. */
  bytes(limits: TableLimits): number;
  /** Made once per thread. The main thread's has slot 0, too: it may read and clear, and write what is no worker's. */
  view(memory: SharedArrayBuffer, slot: number, workerSlots: number): View;
  /**
   * Gives back what the dead worker of the slot held, and frees locks it may have died with; called by the main
   * thread while nobody has the slot. Left out where nothing in the table is a worker's own.
   */
  clearWorker?(view: View, slot: number): void;
}

export function defineSharedTable<View, const Name extends string>(
  definition: SharedTable<View, Name>,
): SharedTable<View, Name> {
  return definition;
}

/** What threads see of a table. */
export type ViewOf<Table> = Table extends SharedTable<infer View> ? View : never;

/** Memory of tables by name. */
export type TableMemory = Readonly<Record<string, SharedArrayBuffer>>;

/** Memory for each table of the list, empty. */
export function allocateTables(list: readonly SharedTable<unknown>[], limits: TableLimits): TableMemory {
  return Object.fromEntries(list.map((table) => [table.name, new SharedArrayBuffer(table.bytes(limits))]));
}

/** One thread's views of the tables of a list. */
export class SharedTables<Listed extends SharedTable<unknown>> {
  readonly #views = new Map<SharedTable<unknown>, unknown>();

  constructor(list: readonly Listed[], memory: TableMemory, slot: number, workerSlots: number) {
    for (const table of list) {
      const own = memory[table.name];
      if (own === undefined) throw new Error(`there is no memory for the shared table ${table.name}`);
      this.#views.set(table, table.view(own, slot, workerSlots));
    }
  }

  /** The same view every time. A table that is not in the list is an error of types here. */
  of<Table extends Listed>(table: Table): ViewOf<Table> {
    return this.find(table) as ViewOf<Table>; // What `find` gives, of a definition whose own type is kept.
  }

  /** As `of`, for those who cannot know the list, since they stand below it; throws when the table is not in it. */
  find<View>(table: SharedTable<View>): View {
    if (!this.#views.has(table)) throw new Error(`the shared table ${table.name} is not in the list of them`);
    return this.#views.get(table) as View; // Made by the `view` of this very definition.
  }

  clearWorker(slot: number): void {
    for (const [table, view] of this.#views) table.clearWorker?.(view, slot);
  }
}
