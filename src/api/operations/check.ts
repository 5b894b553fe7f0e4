// What a configuration would do, without doing it.

import { diffResults } from '../../controlplane/pipeline/diff.ts';
import * as answers from '../answers.ts';
import { operation, refuse, say, type Operation } from '../operation.ts';
import type { ApiSources } from '../sources.ts';
import { pinHeader } from '../pin-header.ts';
import { decodeCheck } from './check-request.ts';

export function checkOperation({ install, pipeline }: ApiSources): Operation {
  return operation({
    method: 'POST',
    path: '/api/check',
    summary: 'What a configuration would change, and everything that is wrong with it. Nothing is applied.',
    body: {
      doc: 'One routing file as it is, or `{ "files": [{ "path", "text", "provider" }] }`; the files of a provider stand for all of it. `${…}` is replaced only where the configuration in force uses the same variable or file.',
      types: ['application/json', 'application/yaml', 'application/toml'],
    },
    answer: answers.check,
    handle: async (request) => {
      const configs = decodeCheck(request, {
        substitutions: install().substitutions.known,
        plugins: install().plugins.known,
      });
      if (typeof configs === 'string') return refuse(400, configs);
      const after = await pipeline.dryRun(configs);
      const { diagnostics } = after;
      const isValid = !diagnostics.some(({ severity }) => severity === 'error');
      // Against the newest configuration, which it would replace, also while another one is pinned.
      return say({ isValid, diagnostics, changes: diffResults(pipeline.result, after) }, pinHeader(pipeline));
    },
  });
}
