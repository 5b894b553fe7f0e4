// Routing configuration that is sent: what the provider `rest` brings.

import { parseConfig } from '../../controlplane/config/document/document.ts';
import type { InstallConfig } from '../../controlplane/config/install/install-config.ts';
import type { RoutingConfig } from '../../controlplane/config/routing/routing-config.ts';
import type { Pipeline } from '../../controlplane/pipeline/pipeline.ts';
import { decoderOf } from '../../controlplane/providers/define.ts';
import { restProvider } from '../../controlplane/providers/rest/rest-provider.ts';
import * as answers from '../answers.ts';
import { operation, refuse, say, type Operation } from '../operation.ts';

const PUSHED = 'PUT /api/providers/rest';

/** What was sent to the provider `rest`, of an earlier process or now. */
export function decodePushed(text: string, { substitutions, plugins }: InstallConfig): RoutingConfig {
  return decoderOf(restProvider, substitutions, plugins.known)(parseConfig(PUSHED, text));
}

/** PUT of a whole routing configuration; also behind `rest@internal`. `pushed` is told what was sent, as it came. */
export function pushOperation(pipeline: Pipeline, pushed: (text: string) => void): Operation {
  return operation({
    method: 'PUT',
    path: '/api/providers/rest',
    summary:
      'Replaces the routing configuration of the provider `rest`. An object with errors is disabled, as anywhere.',
    body: { doc: 'A routing configuration; `{}` takes everything away.', types: ['application/json'] },
    answer: answers.pushed,
    handle: async ({ body }) => {
      const document = parseConfig(PUSHED, body);
      if (document.value === undefined) return refuse(400, document.diagnostics[0]!.message);
      const config = decodePushed(body, pipeline.install);
      pushed(body);
      await pipeline.replace(config);
      const own = pipeline.result.diagnostics.filter(({ source }) => source === PUSHED);
      return say({ diagnostics: own });
    },
  });
}
