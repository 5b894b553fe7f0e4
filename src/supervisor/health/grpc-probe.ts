// One server's health as the gRPC health checking protocol tells it: grpc.health.v1.Health/Check for the whole server.

import type { HealthCheckSpec, ServerSpec, UpstreamTlsSpec } from '../../model/service.ts';
import { EndpointProbe, type ProbeAnswer } from './endpoint-probe.ts';
import { isSecureCheck } from './http-probe.ts';
import type { ProbeContext, Verdict } from './probe.ts';

/** A HealthCheckRequest without a service name: an empty message in its five-byte frame. */
const REQUEST = Buffer.from([0, 0, 0, 0, 0]);
const SERVING = 1;
const STATES = ['unknown', 'serving', 'not serving', 'service unknown'];

export class GrpcProbe extends EndpointProbe {
  /** `tls` is the transport's. */
  constructor(spec: HealthCheckSpec, server: ServerSpec, tls: UpstreamTlsSpec, context: ProbeContext) {
    const scheme = isSecureCheck(spec, server) ? 'https' : 'h2c';
    super(spec, server, tls, context, { scheme, isHttp2: true, maxHeadBytes: 16 * 1024, maxHeadFields: 100 });
  }

  protected begin(): void {
    this.ask({
      method: 'POST',
      path: '/grpc.health.v1.Health/Check',
      body: REQUEST,
      prepare(exchange) {
        exchange.acceptsTrailers = true;
        exchange.requestHeaders.set('Content-Type', 'application/grpc');
      },
    });
  }

  protected judge({ status, headers, trailers, body }: ProbeAnswer): void {
    this.settle(verdictOf(status, trailers?.get('grpc-status') ?? headers.get('grpc-status') ?? '', body));
  }

  /** What it says of the server comes behind. */
  protected judgesHead(): boolean {
    return false;
  }
}

function verdictOf(httpStatus: number, status: string, answer: Buffer): Verdict {
  if (httpStatus !== 200) return `it answered ${httpStatus}`;
  if (status !== '0') return `it answered gRPC status ${status === '' ? 'none' : status}`;
  // Field 1, a varint: the serving status. Absent, it is 0.
  const state = answer.length >= 7 && answer[5] === 0x08 ? answer[6]! : 0;
  return state === SERVING ? null : `it says ${STATES[state] ?? state}`;
}
