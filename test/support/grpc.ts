// A gRPC service and its client, by the library most programs in Node.js use. Messages are text.

import grpc from '@grpc/grpc-js';

function method<Streams extends { requestStream: boolean; responseStream: boolean }>(path: string, streams: Streams) {
  const serialize = (text: string): Buffer => Buffer.from(text);
  const deserialize = (bytes: Buffer): string => bytes.toString();
  return {
    path,
    ...streams,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  };
}

export const ECHO = {
  unary: method('/test.Echo/Unary', { requestStream: false, responseStream: false }),
  collect: method('/test.Echo/Collect', { requestStream: true, responseStream: false }),
  repeat: method('/test.Echo/Repeat', { requestStream: false, responseStream: true }),
  chat: method('/test.Echo/Chat', { requestStream: true, responseStream: true }),
} as const;

export type EchoHandlers = grpc.UntypedServiceImplementation;

export interface GrpcServer extends AsyncDisposable {
  readonly port: number;
}

export async function startGrpcServer(
  handlers: EchoHandlers,
  pair: { certificate: string; key: string } | null = null,
  options: grpc.ServerOptions = {},
): Promise<GrpcServer> {
  const server = new grpc.Server(options);
  server.addService(ECHO, handlers);
  const credentials =
    pair === null
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(pair.certificate), private_key: Buffer.from(pair.key) },
        ]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

export function grpcClient(port: number, authority: string | null = null): grpc.Client {
  if (authority === null) return new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const credentials = grpc.credentials.createSsl(null, null, null, { rejectUnauthorized: false });
  return new grpc.Client(`127.0.0.1:${port}`, credentials, {
    'grpc.ssl_target_name_override': authority,
    'grpc.default_authority': authority,
  });
}

export interface Answer {
  readonly message: string;
  readonly metadata: grpc.Metadata;
  readonly status: grpc.StatusObject;
}

/** A unary call; rejects with the `ServiceError` of one that fails. */
export function call(
  client: grpc.Client,
  text: string,
  metadata: Record<string, string> = {},
  options: grpc.CallOptions = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = new grpc.Metadata();
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
    const { path, requestSerialize, responseDeserialize } = ECHO.unary;
    let message = '';
    let received = new grpc.Metadata();
    const made = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      text,
      sent,
      options,
      (error, value) => {
        if (error !== null) reject(error);
        message = value ?? '';
      },
    );
    made.on('metadata', (fields: grpc.Metadata) => (received = fields));
    made.on('status', (status: grpc.StatusObject) => {
      if (status.code === grpc.status.OK) resolve({ message, metadata: received, status });
    });
  });
}
