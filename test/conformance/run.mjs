// `npm run conformance`: what others' programs find in the built router. h2spec asks for HTTP/2 (RFC 9113) and HPACK
// (RFC 7541), in clear text and over TLS, with servers of HTTP/1.1 and of HTTP/2 behind; testssl.sh looks for
// weaknesses in TLS. Needs Go for the first (`go install` of its public module) and Debian's package for the second;
// says so, and fails, where they cannot be had. `--only h2spec` or `--only testssl` runs one.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;
const H2SPEC = 'github.com/summerwind/h2spec/cmd/h2spec@latest';
const HOST = 'conformance.test';

/** Findings of testssl.sh that are not the router's, each with its reason. */
const EXPECTED = {
  engine_problem: 'testssl’s OpenSSL has no engine for GOST, which the router does not speak',
  cert_revocation: 'the test’s authority has no revocation service',
  DNS_CAArecord: 'the test’s name is in no DNS',
  HSTS: 'a field that the headers middleware sets, where it is wanted (stsSeconds)',
  security_headers: 'fields that the headers middleware sets, where they are wanted',
  HTTP_headerTime: 'the clock of the machine',
  sessionresumption_ticket: 'testssl’s own client fails at it now and then; test/feature/tls.test.ts resumes sessions',
};

/**
 * Of h2spec, in clear text alone: a port that speaks HTTP/1.1 as well answers 400 to what is neither, and closes; the
 * tool takes the answer for a frame.
 */
const EXPECTED_IN_CLEAR = 'Sends invalid connection preface';

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const directory = mkdtempSync(join(tmpdir(), 'signalbox-conformance-'));
const running = [];
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** An authority and two certificates of it, for EC and RSA keys. */
function makeCertificates() {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '365', '-subj', '/CN=Conformance CA'); // prettier-ignore
  writeFileSync(
    join(directory, 'extensions'),
    `subjectAltName=DNS:${HOST}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n`,
  );
  for (const [kind, algorithm] of Object.entries({
    ec: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    rsa: ['rsa:2048'],
  })) {
    openssl('req', '-newkey', ...algorithm, '-nodes', '-keyout', `${kind}.key`, '-out', `${kind}.csr`, '-subj', `/CN=${HOST}`); // prettier-ignore
    openssl('x509', '-req', '-in', `${kind}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '180', '-extfile', 'extensions', '-out', `${kind}.pem`); // prettier-ignore
  }
}

async function startRouter() {
  const answer = (request, response) => {
    request.resume();
    request.on('end', () => response.end('hello\n'));
  };
  const origins = [http.createServer(answer), http2.createServer(answer)];
  for (const origin of origins) {
    await new Promise((resolve) => origin.listen(0, '127.0.0.1', resolve));
    origin.unref();
  }
  const config = join(directory, 'signalbox.yml');
  writeFileSync(
    config,
    `entryPoints:
  clear: { address: "127.0.0.1:0" }
  secure: { address: "127.0.0.1:0", http: { tls: {} } }
http:
  routers:
    http1: { rule: "PathPrefix(\`/http1\`)", service: http1 }
    http2: { rule: "PathPrefix(\`/http2\`)", service: http2 }
  services:
    http1: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origins[0].address().port}" }] } }
    http2: { loadBalancer: { servers: [{ url: "h2c://127.0.0.1:${origins[1].address().port}" }] } }
tls:
  certificates:
    - { certFile: ${directory}/ec.pem, keyFile: ${directory}/ec.key }
    - { certFile: ${directory}/rsa.pem, keyFile: ${directory}/rsa.key }
`,
  );
  const child = spawn(process.execPath, [MAIN, 'run', '--config', config, '--workers', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.push(child);
  let said = '';
  return new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const found = said.matchAll(/(clear|secure)\s+http:\/\/127\.0\.0\.1:(\d+)/g);
      if (said.includes('middleware'))
        resolve(Object.fromEntries([...found].map(([, name, port]) => [name, Number(port)])));
    });
    child.on('exit', () => reject(new Error(`the router ended: ${said}`)));
  });
}

/** Asynchronous: the origin is in this process. */
function run(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    child.stderr.on('data', (chunk) => (said += chunk));
    child.on('error', (error) => resolve({ code: -1, said: String(error) }));
    child.on('close', (code) => resolve({ code, said }));
  });
}

function isThere(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

async function h2spec(ports) {
  if (!isThere('go')) {
    console.error('h2spec: Go is not installed, so the tool cannot be had: see https://go.dev/dl');
    return false;
  }
  const program = join(directory, 'h2spec');
  const installed = await run('go', ['install', H2SPEC], { env: { ...process.env, GOBIN: directory, GOFLAGS: '' } });
  if (!existsSync(program)) {
    console.error(`h2spec: "go install ${H2SPEC}" failed:\n${installed.said}`);
    return false;
  }
  let isGood = true;
  for (const [entryPoint, port] of Object.entries(ports)) {
    for (const server of ['http1', 'http2']) {
      const { code, said } = await run(program, [
        '-h', '127.0.0.1', '-p', String(port), ...(entryPoint === 'secure' ? ['-t', '-k'] : []), '-P', `/${server}`, '-o', '5',
        'generic', 'http2', 'hpack',
      ]); // prettier-ignore
      const failures = said.split('\nFailures:')[1];
      const wrong = [...said.matchAll(/× \d+: (.*)/g)].map(([, name]) => name);
      const isExpected = entryPoint === 'clear' && wrong.every((name) => name === EXPECTED_IN_CLEAR);
      if (failures !== undefined && !isExpected) console.log(failures);
      const note = isExpected && wrong.length > 0 ? ' (expected: HTTP/1.1 lives on the same port)' : '';
      console.log(`h2spec, ${entryPoint} to ${server}: ${/\d+ tests,.*/.exec(said)?.[0] ?? 'no result'}${note}`);
      if (code !== 0 && !(isExpected && wrong.length > 0)) isGood = false;
    }
  }
  return isGood;
}

async function testssl({ secure: port }) {
  if (!isThere('testssl')) {
    console.error('testssl: not installed; "apt-get install testssl.sh" brings it');
    return false;
  }
  const report = join(directory, 'testssl.json');
  await run('testssl', [
    '--add-ca', join(directory, 'ca.pem'), '--ip', '127.0.0.1', '--warnings', 'batch', '--color', '0', '--severity', 'LOW',
    '--jsonfile', report, `${HOST}:${port}`,
  ]); // prettier-ignore
  if (!existsSync(report)) {
    console.error('testssl: it left no report');
    return false;
  }
  const findings = JSON.parse(readFileSync(report, 'utf8'));
  let isGood = findings.length > 0;
  for (const { id, severity, finding } of findings) {
    const reason = EXPECTED[id.split(' ')[0]];
    if (reason === undefined) isGood = false;
    console.log(`testssl: ${severity} ${id}: ${finding}${reason === undefined ? '' : ` (expected: ${reason})`}`);
  }
  console.log(`testssl: ${isGood ? 'nothing above LOW but what is expected' : 'FAILED'}`);
  return isGood;
}

makeCertificates();
const ports = await startRouter();
let isGood = true;
for (const [name, check] of Object.entries({ h2spec, testssl })) {
  if (values.only === undefined || values.only === name) isGood = (await check(ports)) && isGood;
}
process.exit(isGood ? 0 : 1);
