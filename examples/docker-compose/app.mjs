// A server to see routers with: it says which container it is and what it was asked.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

let isWell = true;
const server = createServer((request, response) => {
  if (request.url === '/health') response.writeHead(isWell ? 200 : 503).end();
  else if (request.url === '/break') {
    isWell = false;
    response.end('not well from now on\n');
  } else response.end(`${process.env.NAME} in ${hostname()}: ${request.method} ${request.url}\n`);
});
server.listen(8000);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
