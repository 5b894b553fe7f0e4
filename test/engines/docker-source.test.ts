// The provider `docker` on a real engine, as a source like any other.

import { test } from 'vitest';
import { missingDocker } from '../support/docker-engine.ts';
import { DockerFixture } from '../support/docker-fixture.ts';
import { testSource } from '../support/source-suite.ts';

const missing = missingDocker();
if (missing === null) await testSource(DockerFixture.start());
else test.skip(`Docker as a source (${missing})`, () => {});
