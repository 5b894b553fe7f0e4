// ns per access log line. Build first: npm run build && node bench/micro/access-log.mjs
import { AccessLog } from '../../dist/observe/access-log.js';
import { HeaderList } from '../../dist/dataplane/http/message/header-list.js';

const headers = new HeaderList();
for (const [name, value] of [['Host', 'shop.example.com'], ['User-Agent', 'bench/1.0'], ['Accept', '*/*']]) headers.append(name, value); // prettier-ignore
const base = {
  durationMs: 1.234567, originDurationMs: 1.1, entryPointName: 'web', routerName: 'shop@file', serviceName: 'shop@file',
  serviceUrl: 'http://127.0.0.1:9000', serviceAddr: '127.0.0.1:9000', clientIp: '127.0.0.1', clientPort: 51234,
  clientUser: '', method: 'GET', target: '/products/42?ref=home', authority: 'shop.example.com:8000', protocol: 'HTTP/1.1',
  traffic: 'http', scheme: 'http', requestBytes: 0, originStatus: 200, originBytes: 36, status: 200, responseBytes: 36,
  retryAttempts: 0, responseFlag: '', requestHeaders: headers, responseHeaders: headers, originHeaders: null,
}; // prettier-ignore
const fields = { defaultMode: 'keep', names: {}, headers: { defaultMode: 'drop', names: {} }, queryParameters: { defaultMode: 'keep' } }; // prettier-ignore
const filters = { statusCodes: [], retryAttempts: false, minDurationMs: 0 };
const outstanding = new SharedArrayBuffer(4);
const LINES = 200_000;

for (const format of process.argv[2] ? [process.argv[2]] : ['common', 'genericCLF', 'json']) {
  const log = new AccessLog(
    { format, filters, fields },
    () => Atomics.store(new Int32Array(outstanding), 0, 0),
    outstanding,
    0,
  );
  const records = Array.from({ length: 64 }, (_, index) => ({
    ...base,
    startWallMs: 1_700_000_000_000 + (index >> 4),
  }));
  const run = () => {
    const begin = performance.now();
    for (let index = 0; index < LINES; index++) log.append(records[index & 63]);
    return ((performance.now() - begin) * 1e6) / LINES;
  };
  run();
  console.log(`${format.padEnd(10)} ${run().toFixed(0)} ns per line`);
}
