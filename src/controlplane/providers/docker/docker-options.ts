// Options that say which engine is asked, and how: the same for containers and for Swarm.

import { hideSecrets, hideUser } from '../../../core/hide-secrets.ts';
import { differingDefault, optional, own, withDefault } from '../../../schema/field.ts';
import { pem } from '../../../schema/file-option.ts';
import { object } from '../../../schema/object.ts';
import { boolean, duration, secret, string } from '../../../schema/scalar.ts';
import type { Decoded, Schema } from '../../../schema/schema.ts';
import type { DecodeContext } from '../../../schema/decode-context.ts';
import { EngineClient } from './engine-client.ts';
import { parseEndpoint, type EngineEndpoint } from './engine-endpoint.ts';

const DEFAULT_ENDPOINT = 'unix:///var/run/docker.sock';

/** A user in it is not shown. */
const endpointText: Schema<string> = {
  ...string(),
  shown: (value) => (typeof value === 'string' ? hideSecrets(hideUser(value)) : value),
};

const tls = object({
  ca: optional(
    pem('certificate'),
    'Authority of the engine’s certificate, a path or PEM; the public ones when left out.',
  ),
  cert: optional(pem('certificate'), 'Certificate that the router shows, a path or PEM.'),
  key: optional(pem('key'), 'Its private key.'),
  insecureSkipVerify: withDefault(boolean(), false, 'Take any certificate of the engine.'),
});

export const engineFields = {
  endpoint: withDefault(
    endpointText,
    DEFAULT_ENDPOINT,
    'Where the engine is: `unix:///path`, `tcp://host:port`, `http://`, `https://` or `ssh://user@host`. The variables of the docker command, such as `DOCKER_HOST`, are not read.',
  ),
  username: optional(string(), 'User for a proxy in front of the engine that asks for one.'),
  password: optional(secret(), 'Its password.'),
  tls: optional(tls, 'TLS towards the engine, for `tcp://` and `https://`.'),
  httpClientTimeout: differingDefault(
    withDefault(
      duration({ negative: 'default', minMs: 100 }),
      10_000,
      'How long an answer of the engine may take; the stream of events has no limit.',
    ),
    '10s rather than no limit when left out.',
  ),
  resyncInterval: own(
    withDefault(
      duration({ negative: 'default', minMs: 1_000 }),
      30_000,
      'Time between two looks at everything, which find what no event has told.',
    ),
  ),
};

export type EngineOptions = Decoded<typeof engineFields>;

/** To be checked with the whole section. */
export function checkEngine(options: EngineOptions, context: DecodeContext): void {
  const given = parseEndpoint(options.endpoint, options.tls !== undefined);
  if ('problem' in given) {
    context.at('endpoint', () =>
      context.invalid(given.problem, 'an endpoint of an engine', hideUser(options.endpoint)),
    );
    return;
  }
  const { cert, key } = options.tls ?? {};
  if ((cert === undefined) === (key === undefined)) return;
  context.at('tls', () =>
    context.report('error', 'missing-option', 'a certificate needs its key: give both "cert" and "key"'),
  );
}

/** Throws where the options have not been checked. */
export function createEngineClient(options: EngineOptions): {
  readonly endpoint: EngineEndpoint;
  readonly client: EngineClient;
} {
  const given = parseEndpoint(options.endpoint, options.tls !== undefined);
  if ('problem' in given) throw new Error(given.problem);
  const { ca, cert, key, insecureSkipVerify = false } = options.tls ?? {};
  const { endpoint } = given;
  const client = new EngineClient({
    endpoint,
    username: options.username ?? given.username,
    password: options.password ?? given.password,
    tls: options.tls === undefined ? null : { ca, cert, key, insecureSkipVerify },
    timeoutMs: options.httpClientTimeout,
  });
  return { endpoint, client };
}
