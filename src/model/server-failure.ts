// What workers report of servers that fail: enough for a line in the log, whatever the number of requests.

/** A server as the configuration names it. */
export interface FailingServer {
  readonly protocol: 'http' | 'tcp' | 'udp';
  /** Qualified name of the service. */
  readonly service: string;
  /** As written in the configuration; empty for a service that has no server to ask. */
  readonly server: string;
}

export interface FailureReport extends FailingServer {
  /** Requests, connections or sessions that failed since the last report; 0 when it only answers again. */
  readonly failures: number;
  /** Of the last one. */
  readonly flag: string;
  /** What clients were answered; 0 where there are no statuses. */
  readonly status: number;
  readonly reason: string;
  /** The last that was heard of the server was a failure. */
  readonly isFailing: boolean;
}

export function failingServerKey({ protocol, service, server }: FailingServer): string {
  return `${protocol} ${service} ${server}`;
}
