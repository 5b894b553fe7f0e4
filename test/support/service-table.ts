// The table of what services have done, as one worker has it.

import { ServiceTable } from '../../src/dataplane/balance/count/service-table.ts';

export function serviceTableOf(workerSlots = 1, slot = 0): ServiceTable {
  const shape = { sets: 4, keyBytes: 64 };
  return new ServiceTable(new SharedArrayBuffer(ServiceTable.bytes(shape, workerSlots)), shape, slot, workerSlots);
}
