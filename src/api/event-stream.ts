// Events of the router as server-sent events. A reader that does not keep up is disconnected and comes back with the
// number of the last event it saw.

import type { ServerResponse } from 'node:http';
import type { EventBus, RouterEvent } from '../observe/event-bus.ts';

const KEEP_ALIVE_MS = 15_000;
const MAX_BUFFERED_BYTES = 256 * 1024;

export function streamEvents(events: EventBus, lastEventId: number | null, response: ServerResponse): void {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.flushHeaders();
  const send = (event: RouterEvent): void => {
    const data = JSON.stringify({ at: new Date(event.at).toISOString(), ...event.data });
    response.write(`id: ${event.id}\nevent: ${event.kind}\ndata: ${data}\n\n`);
    if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
  };
  if (lastEventId !== null) for (const event of events.since(lastEventId)) send(event);
  const stopListening = events.listen(send);
  const keepAlive = setInterval(() => response.write(': \n\n'), KEEP_ALIVE_MS);
  response.on('close', () => {
    clearInterval(keepAlive);
    stopListening();
  });
}
