// Asks an OCSP responder over HTTP (RFC 6960 appendix A.1). Bounded in time and size; redirects are not followed.

import http from 'node:http';
import https from 'node:https';

const TIMEOUT_MS = 10_000;
/** Of an answer: with the certificates of its signer some 5 KiB. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Rejects with what went wrong. */
export function askResponder(url: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? https.request : http.request;
    const sent = send(url, {
      method: 'POST',
      headers: { 'content-type': 'application/ocsp-request', 'content-length': request.length },
      agent: false,
      timeout: TIMEOUT_MS,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks));
        else reject(new Error(`the responder answered with status ${response.statusCode}`));
      });
    });
    sent.on('error', reject);
    sent.end(request);
  });
}
