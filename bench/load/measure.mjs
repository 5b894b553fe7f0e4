// Starts programs pinned to a core, loads them, and reads what they cost.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const PROXY_CORE = '0';
export const LOAD_CORE = '1';
const TICKS_PER_SECOND = 100;

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a command on a core and waits until the port accepts. */
export async function startPinned(core, [program, args, env = {}], port) {
  const child = spawn('taskset', ['-c', core, program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  let said = '';
  child.stderr.on('data', (chunk) => (said = (said + chunk).slice(-4000)));
  running.add(child);
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${said}`);
    if (await accepts(port)) return child;
    await pause(50);
  }
  throw new Error(`${program} does not listen on ${port}: ${said}`);
}

export async function stop(child) {
  running.delete(child);
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** User and system time of a process in microseconds. */
export function cpuMicroseconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
}

export function residentKib(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

/**
 * One wrk run; errors of any kind are counted, as a fast proxy that fails requests is not fast. `uploadBytes` makes
 * each request a POST of that size.
 */
export async function wrk(child, { port, path, connections, seconds, headers = [], uploadBytes = 0, scheme = 'http' }) {
  const before = cpuMicroseconds(child.pid);
  const args = [
    '-c',
    LOAD_CORE,
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}`,
    '--timeout',
    '10s',
    ...headers.flatMap((header) => ['-H', header]),
    ...(uploadBytes > 0 ? ['-s', uploadScript(uploadBytes)] : []),
    `${scheme}://127.0.0.1:${port}${path}`,
  ];
  const out = await output('taskset', args);
  const after = cpuMicroseconds(child.pid);
  const requests = Number(/(\d+) requests in/.exec(out)?.[1] ?? 0);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1] ?? 0);
  const socketErrors = [...(/Socket errors: (.*)/.exec(out)?.[1] ?? '').matchAll(/\d+/g)].reduce(
    (sum, match) => sum + Number(match[0]),
    0,
  );
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(out)?.[1] ?? 0);
  return { rate, microseconds: requests === 0 ? 0 : (after - before) / requests, errors: socketErrors + bad };
}

/** HTTP/2: so many streams on each of so many connections. `body` is a file to send with each request. */
export async function h2load(
  child,
  { port, path, connections, streams, seconds, scheme = 'https', headers = [], body },
) {
  const before = cpuMicroseconds(child.pid);
  const out = await output('taskset', [
    '-c', LOAD_CORE, 'h2load', '-t1', `-c${connections}`, `-m${streams}`, '-D', String(seconds),
    ...headers.flatMap((header) => ['-H', header]), ...(body === undefined ? [] : ['-d', body]), `${scheme}://127.0.0.1:${port}${path}`,
  ]); // prettier-ignore
  const after = cpuMicroseconds(child.pid);
  const rate = Number(/finished in [\d.]+m?s, ([\d.]+) req\/s/.exec(out)?.[1] ?? 0);
  const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(/requests: (.*)/.exec(out)?.[1] ?? '')?.[1] ?? 0);
  const done = count('succeeded');
  const { 2: good = 0 } = Object.fromEntries(
    [...out.matchAll(/(\d+) (\d)xx/g)].map(([, n, kind]) => [kind, Number(n)]),
  );
  const errors = count('failed') + count('errored') + count('timeout') + Math.max(0, done - good);
  return { rate, microseconds: done === 0 ? 0 : (after - before) / done, errors };
}

/**
 * Handshakes alone, full or resumed, per second of the proxy's CPU: two clients on one core cannot load it otherwise.
 * The tool leaves before a ticket of TLS 1.3 comes, so what it resumes is TLS 1.2.
 */
export async function handshakes(child, { port, seconds, isResumed }) {
  const before = cpuMicroseconds(child.pid);
  const run = () =>
    output('taskset', [
      '-c', LOAD_CORE, 'openssl', 's_time', '-connect', `127.0.0.1:${port}`, ...(isResumed ? ['-reuse', '-tls1_2'] : ['-new']), '-time', String(Math.max(1, Math.round(seconds))),
    ], true); // prettier-ignore
  const said = await Promise.all([run(), run(), run(), run()]);
  const spent = cpuMicroseconds(child.pid) - before;
  const count = said.reduce(
    (sum, text) => sum + Number(/(\d+) connections in \d+ real seconds/.exec(text)?.[1] ?? 0),
    0,
  );
  return { rate: spent === 0 ? 0 : (count * 1e6) / spent, microseconds: count === 0 ? 0 : spent / count, errors: 0 };
}

/** Messages of WebSocket clients and back, per second of the proxy's CPU: clients and server share the other core. */
export async function websocketMessages(child, { port, serverPort, connections, seconds }) {
  const before = cpuMicroseconds(child.pid);
  const script = new URL('./websocket-load.mjs', import.meta.url).pathname;
  const args = [process.execPath, script, port, serverPort, connections, seconds].map(String);
  const out = await output('taskset', ['-c', LOAD_CORE, ...args]);
  const spent = cpuMicroseconds(child.pid) - before;
  const [, messages = 0, errors = connections] = (/(\d+) messages, (\d+) failed/.exec(out) ?? []).map(Number);
  return {
    rate: spent === 0 ? 0 : (messages * 1e6) / spent,
    microseconds: messages === 0 ? 0 : spent / messages,
    errors,
  };
}

/** A file with the message of a unary call, in its frame of five bytes. */
export function grpcMessage(text) {
  const file = join(tmpdir(), 'signalbox-grpc-message');
  const frame = Buffer.alloc(5 + text.length);
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5);
  writeFileSync(file, frame);
  return file;
}

function uploadScript(bytes) {
  const file = join(tmpdir(), `signalbox-upload-${bytes}.lua`);
  writeFileSync(file, `wrk.method = "POST"\nwrk.body = string.rep("x", ${bytes})\n`);
  return file;
}

/** p99 in milliseconds at a fixed rate, over HTTP/1.1. */
export async function p99AtRate({ port, path, connections, seconds, rate }) {
  const log = `/tmp/h2load-${process.pid}.log`;
  spawnSync('rm', ['-f', log]);
  await output('taskset', [
    '-c', LOAD_CORE, 'h2load', '--h1', '-t1', `-c${connections}`, '-D', String(seconds), '--rps', String(Math.max(1, Math.round(rate / connections))),
    '--log-file', log, `http://127.0.0.1:${port}${path}`,
  ]); // prettier-ignore
  const times = readFileSync(log, 'utf8').trim().split('\n').map((line) => Number(line.split('\t')[2])).sort((a, b) => a - b); // prettier-ignore
  spawnSync('rm', ['-f', log]);
  return (times[Math.floor(times.length * 0.99)] ?? 0) / 1000;
}

function output(program, args, isQuiet = false) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', isQuiet ? 'ignore' : 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.on('close', () => resolve(text));
  });
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
