// The seeded tests, for longer: until the numbers below are reached, or something fails. A variable that is set stays.

import { spawnSync } from 'node:child_process';

const GROWN = {
  STORM_REQUESTS: '40000',
  TCP_STORM_CLIENTS: '5000',
  MANY_CHANGES: '1000',
  STORE_KILLS: '400',
  DOCKER_CHURN: '500',
};
const FILES = [
  'test/security/origin-storm.test.ts',
  'test/security/tcp-storm.test.ts',
  'test/e2e/many-changes.test.ts',
  'src/controlplane/store/file-store.test.ts',
  'test/engines/docker-churn.test.ts',
];

// What takes longer than a hang of an ordinary test is no hang here.
const { status } = spawnSync('npx', ['vitest', 'run', '--testTimeout=0', ...FILES], {
  stdio: 'inherit',
  env: { ...GROWN, ...process.env },
});
process.exit(status ?? 1);
