// Who has Docker's socket owns the machine. This lets the router ask through it what it needs to follow containers, and
// nothing else: reading alone, four paths, and no environment of a container, where passwords are.
import { createServer, request } from 'node:http';

const SOCKET = '/var/run/docker.sock';
const ALLOWED = /^(?:\/v\d+\.\d+)?(?:\/_ping|\/events|\/containers\/json|(\/containers\/[\w.-]+\/json))(?:\?|$)/;
const MAX_BYTES = 4_000_000;

createServer((asked, response) => {
  const allowed = asked.method === 'GET' || asked.method === 'HEAD' ? ALLOWED.exec(asked.url) : null;
  if (allowed === null) {
    response.writeHead(403, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ message: `the socket proxy does not let ${asked.method} ${asked.url} through` }));
    return;
  }
  const engine = request({ socketPath: SOCKET, method: asked.method, path: asked.url, headers: { Host: 'docker' } });
  engine.on('response', (answer) => {
    if (allowed[1] === undefined || answer.statusCode !== 200) {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      return;
    }
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (chunk) => {
      text += chunk;
      if (text.length > MAX_BYTES) answer.destroy(new Error('too large'));
    });
    answer.on('error', () => response.destroy());
    answer.on('end', () => {
      const container = JSON.parse(text);
      delete container.Config?.Env;
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(container));
    });
  });
  engine.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end(JSON.stringify({ message: `${SOCKET}: ${error.message}` }));
  });
  response.on('close', () => engine.destroy());
  engine.end();
}).listen(2375);
