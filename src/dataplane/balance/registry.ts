// All balancing strategies. Adding one is a file, a line here and a test.

import type { BalancingStrategy } from '../../model/service.ts';
import type { BalancerDefinition } from './define.ts';
import { hrw } from './hrw.ts';
import { leastTime } from './least-time.ts';
import { p2c } from './p2c.ts';
import { wrr } from './wrr.ts';

export const BALANCERS: Readonly<Record<BalancingStrategy, BalancerDefinition>> = {
  wrr,
  p2c,
  hrw,
  leasttime: leastTime,
};
