// All tables that the threads of the process share. Adding one is its file, with `defineSharedTable`, and a line
// here: its memory is then allocated, travels to the workers, and is given back where one of them dies.

import { SharedTables } from '../../core/shared-table.ts';
import { accessLogBacklog } from '../../observe/access-log-backlog.ts';
import { addressCounts } from '../net/count/connection-limits.ts';
import { descriptorTable } from '../net/descriptors.ts';
import { entryPointCounts } from '../net/count/entry-point-counts.ts';
import { serviceTable } from '../balance/count/service-table.ts';
import { tcpInFlight } from '../tcp/tcp-gate.ts';
import { connectionBudget } from '../upstream/connection-budget.ts';
import { endpointTable } from '../upstream/endpoint-table.ts';

export const SHARED_TABLES = [
  accessLogBacklog,
  addressCounts,
  connectionBudget,
  descriptorTable,
  endpointTable,
  entryPointCounts,
  serviceTable,
  tcpInFlight,
] as const;

/** The views of one thread. */
export type ListedTables = SharedTables<(typeof SHARED_TABLES)[number]>;
