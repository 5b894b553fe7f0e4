// Every metric family: its name without the product's prefix, its type and its help text. The reference page is
// generated from this table, and with the prefix `traefik` the first part has exactly Traefik's names.

export type FamilyType = 'counter' | 'gauge' | 'histogram';

export interface Family {
  readonly type: FamilyType;
  readonly help: string;
  readonly labels: readonly string[];
}

const REQUEST = ['code', 'method', 'protocol'] as const;

function connectionFamilies(subject: string, labels: readonly string[]): Record<string, Family> {
  const all = [...labels, 'protocol'];
  return {
    [`${subject}_connections_total`]: {
      type: 'counter',
      help: `Connections of TCP routers and sessions of UDP routers, by ${subject}.`,
      labels: all,
    },
    [`${subject}_received_bytes_total`]: {
      type: 'counter',
      help: `Bytes of clients on connections of TCP routers and in datagrams of UDP routers, by ${subject}.`,
      labels: all,
    },
    [`${subject}_sent_bytes_total`]: {
      type: 'counter',
      help: `Bytes for clients on connections of TCP routers and in datagrams of UDP routers, by ${subject}.`,
      labels: all,
    },
  };
}

function requestFamilies(subject: string, labels: readonly string[]): Record<string, Family> {
  const all = [...REQUEST, ...labels];
  return {
    [`${subject}_requests_total`]: { type: 'counter', help: `Requests handled by the ${subject}.`, labels: all },
    [`${subject}_requests_tls_total`]: {
      type: 'counter',
      help: `Requests over TLS handled by the ${subject}.`,
      labels: ['tls_version', 'tls_cipher', ...labels],
    },
    [`${subject}_request_duration_seconds`]: {
      type: 'histogram',
      help: `Time from the first byte of a request to the end of its response, by ${subject}.`,
      labels: all,
    },
    [`${subject}_requests_bytes_total`]: { type: 'counter', help: `Request body bytes by ${subject}.`, labels: all },
    [`${subject}_responses_bytes_total`]: { type: 'counter', help: `Response body bytes by ${subject}.`, labels: all },
  };
}

export const FAMILIES: Readonly<Record<string, Family>> = {
  config_reloads_total: { type: 'counter', help: 'Configurations published.', labels: [] },
  config_last_reload_success: {
    type: 'gauge',
    help: 'Time of the last published configuration, in Unix seconds.',
    labels: [],
  },
  config_install_reloads_total: {
    type: 'counter',
    help: 'Times the install configuration was read again, by outcome: applied or refused.',
    labels: ['outcome'],
  },
  open_connections: { type: 'gauge', help: 'Open client connections.', labels: ['entrypoint', 'protocol'] },
  server_connections: { type: 'gauge', help: 'Open sockets to servers, of all services.', labels: [] },
  descriptors_limit: {
    type: 'gauge',
    help: 'Sockets that clients and servers may have together: what the system’s limit on open files leaves to them; 0 for no limit.',
    labels: [],
  },
  connections_refused_total: {
    type: 'counter',
    help: 'Connections of clients that were refused because no descriptor was left.',
    labels: [],
  },
  ...requestFamilies('entrypoint', ['entrypoint']),
  ...requestFamilies('router', ['router', 'service']),
  ...requestFamilies('service', ['service']),
  ...connectionFamilies('entrypoint', ['entrypoint']),
  ...connectionFamilies('router', ['router', 'service']),
  ...connectionFamilies('service', ['service']),
  entrypoint_connections_broken_total: {
    type: 'counter',
    help: 'Connections of TCP routers and sessions of UDP routers that did not end in order, by response flag.',
    labels: ['entrypoint', 'flag', 'protocol'],
  },
  entrypoint_datagrams_dropped_total: {
    type: 'counter',
    help: 'Datagrams that reached nobody: no_router; router_disabled, its router has an error; sessions, as many as may be; backlog, not taken fast enough; draining, of a new client while the router stops.',
    labels: ['entrypoint', 'reason', 'protocol'],
  },
  service_dial_failures_total: {
    type: 'counter',
    help: 'Servers of TCP and UDP services that could not be connected to, by response flag.',
    labels: ['service', 'url', 'flag', 'protocol'],
  },
  tls_certs_not_after: {
    type: 'gauge',
    help: 'End of a certificate’s life, in Unix seconds.',
    labels: ['cn', 'serial', 'sans'],
  },
  tls_handshake_failures_total: {
    type: 'counter',
    help: 'TLS handshakes that came to nothing: unknown_name, certificate, client_certificate, no_shared_cipher, no_shared_protocol, version, malformed, alert, timeout, closed, handshake.',
    labels: ['entrypoint', 'reason'],
  },
  proxy_protocol_failures_total: {
    type: 'counter',
    help: 'Connections of trusted proxies that were closed for their PROXY protocol header: malformed, missing, cut_off.',
    labels: ['entrypoint', 'reason'],
  },
  service_server_up: {
    type: 'gauge',
    help: 'Whether the server gets requests: 1, or 0 while health checks or failed requests keep it away.',
    labels: ['service', 'url'],
  },
  service_server_requests_in_flight: {
    type: 'gauge',
    help: 'Requests of the server in progress.',
    labels: ['service', 'url'],
  },
  service_server_connections: {
    type: 'gauge',
    help: 'Open connections to the server of an HTTP service, by protocol: http/1.1 or h2.',
    labels: ['service', 'url', 'protocol'],
  },
  service_server_open_connections: {
    type: 'gauge',
    help: 'Connections of clients to the server of a TCP service.',
    labels: ['service', 'url'],
  },
  service_server_response_seconds: {
    type: 'gauge',
    help: 'Mean time to the head of the last answers; 0 before the first.',
    labels: ['service', 'url'],
  },
  service_retries_total: { type: 'counter', help: 'Requests sent once more.', labels: ['service'] },
  service_failures_total: {
    type: 'counter',
    help: 'Requests a service failed, by response flag.',
    labels: ['service', 'flag'],
  },
  acme_certificates: {
    type: 'gauge',
    help: 'Certificates a resolver sees to, by state: pending, ordering, valid, renewing, expired or failed.',
    labels: ['resolver', 'state'],
  },
  acme_orders_total: {
    type: 'counter',
    help: 'Orders of certificates that came to an end, by outcome: issued or failed.',
    labels: ['resolver', 'outcome'],
  },
  tls_ocsp_certificates: {
    type: 'gauge',
    help: 'Certificates by what is known of them by OCSP: good, revoked, pending, or none where nobody is asked.',
    labels: ['state'],
  },
  tls_ocsp_requests_total: {
    type: 'counter',
    help: 'Questions to OCSP responders that came to an end, by outcome: answered or failed.',
    labels: ['outcome'],
  },
  provider_source_up: {
    type: 'gauge',
    help: 'Whether the source of a provider answers: 1, or 0 while what it said last is served.',
    labels: ['provider'],
  },
  provider_source_last_answer_timestamp_seconds: {
    type: 'gauge',
    help: 'When the source of a provider last said everything that it has, in seconds since the epoch.',
    labels: ['provider'],
  },
  config_version: { type: 'gauge', help: 'Version of the configuration being served.', labels: [] },
  worker_open_connections: { type: 'gauge', help: 'Open client connections of each worker.', labels: ['worker'] },
  worker_external_bytes: {
    type: 'gauge',
    help: 'Memory of each worker outside of its JavaScript heap, which is bounded by itself.',
    labels: ['worker'],
  },
  worker_restarts_total: { type: 'counter', help: 'Workers replaced after a crash, a refusal or a hang.', labels: [] },
  access_log_dropped_total: {
    type: 'counter',
    help: 'Access log lines dropped because the writer could not keep up.',
    labels: [],
  },
  log_dropped_total: {
    type: 'counter',
    help: 'Lines of the application log dropped because their reader took none.',
    labels: [],
  },
  metric_series_dropped_total: {
    type: 'counter',
    help: 'Series not kept because a worker had no room for more.',
    labels: [],
  },
  process_start_time_seconds: { type: 'gauge', help: 'Start of the process, in Unix seconds.', labels: [] },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory of the process.', labels: [] },
};
