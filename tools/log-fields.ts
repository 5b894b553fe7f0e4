// What the fields of the access log mean, for the reference page.

/** Of requests, connections and sessions; where both have a field and it means another thing, both are said. */
const MEANINGS: Readonly<Record<string, string>> = {
  ClientAddr: 'Address and port of the client.',
  ClientHost: 'Address of the client’s connection: behind a proxy the proxy’s, unless the PROXY protocol says another.',
  ClientPort: 'Port of the client, as text.',
  ClientUsername: 'Name that an authentication middleware has proven; `-` without one.',
  DownstreamContentSize: 'Bytes of the body that were sent to the client.',
  DownstreamStatus: 'Status that was sent to the client; 499 where it left before.',
  Duration: 'From the first byte of the request to the last one of the answer, in nanoseconds.',
  EntryPointName: 'The entry point.',
  OriginContentSize: 'Bytes of the body that the server sent.',
  OriginDuration: 'What the server took of it, in nanoseconds; 0 where none was asked.',
  OriginStatus: 'Status that the server answered; 0 where none did.',
  Overhead: '`Duration` without `OriginDuration`, in nanoseconds.',
  RequestAddr: 'Host that was asked for, with its port if the request had one.',
  RequestContentSize: 'Bytes of the body that came from the client.',
  RequestCount: 'Number of the line since the start.',
  RequestHost: 'Host that was asked for, without port.',
  RequestMethod: 'The method.',
  RequestPath: 'Path and query, as they came.',
  RequestPort: 'Port that was asked for, as text; `-` where the request had none.',
  RequestProtocol: '`HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.',
  RequestScheme: '`http` or `https`.',
  ResponseFlag: 'Why it failed: one of the [flags](errors.md#response-flags); empty where it did not.',
  RetryAttempts: 'How many times it was sent to a server once more.',
  RouterName: 'The router, as `name@provider`; empty where none took it.',
  ServiceAddr: 'Host and port of the server; empty where none was asked.',
  ServiceName: 'The service, as `name@provider`.',
  ServiceURL: 'URL of the server, as it is configured.',
  StartLocal: 'When it began, in the time of the machine.',
  StartUTC: 'When it began, in UTC.',
  TLSCipher: 'Cipher suite. Fields of TLS are there where the client spoke it.',
  TLSClientSubject: 'Subject of the client’s certificate.',
  TLSPassthrough: '`true` where the server ended TLS.',
  TLSServerName: 'Server name that the client sent; empty without one.',
  TLSVersion: 'Version of TLS, as `1.3`.',
};

const OF_CONNECTIONS: Readonly<Record<string, string>> = {
  DownstreamContentSize: 'Bytes that were sent to the client.',
  Duration: 'How long it was open, in nanoseconds.',
  RequestContentSize: 'Bytes that came from the client.',
  RequestProtocol: '`TCP` or `UDP`.',
  ResponseFlag:
    'Why it ended: a flag of [TCP](errors.md#response-flags-of-tcp-connections) or [UDP](errors.md#response-flags-of-udp-sessions); empty where it ended in order.',
  RouterName: 'The router, as `name@provider`.',
  ServiceAddr: 'Address of the server, as it is configured; empty where none was tried.',
  ServiceURL: 'The same.',
};

function tableOf(names: readonly string[], meanings: Readonly<Record<string, string>>): string {
  const rows = names.map((name) => {
    const meaning = meanings[name];
    if (meaning === undefined) throw new Error(`tools/log-fields.ts: say what ${name} means`);
    return `| \`${name}\` | ${meaning} |\n`;
  });
  return `| field | meaning |\n|---|---|\n${rows.join('')}`;
}

export function requestFields(names: readonly string[]): string {
  return tableOf(names, MEANINGS);
}

export function connectionFields(names: readonly string[]): string {
  return tableOf(names, { ...MEANINGS, ...OF_CONNECTIONS });
}
