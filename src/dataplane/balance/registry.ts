// All balancing strategies. Adding one is a file, a line here and a test.

import type { LoadBalancerSpec } from '../../model/service.ts';
import type { BalancerDefinition } from './define.ts';
import { wrr } from './wrr.ts';

export const BALANCERS: Readonly<Record<LoadBalancerSpec['strategy'], BalancerDefinition>> = { wrr };
