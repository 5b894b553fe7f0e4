// Guesses a media type from the first bytes of a body, after https://mimesniff.spec.whatwg.org and with the answers of
// the reference. The order of the table is part of the answer.

/** The longest a guess has to see. */
export const SNIFF_BYTES = 512;

interface Signature {
  readonly type: string;
  readonly bytes: Buffer;
  /** Zero bytes of the mask do not count; null when all count. */
  readonly mask: Buffer | null;
  readonly skipsSpace: boolean;
}

const TEXT = 'text/plain; charset=utf-8';
const HTML = 'text/html; charset=utf-8';
const BINARY = 'application/octet-stream';

/** Tags that begin a document, followed by a space or `>`. */
const HTML_STARTS = [
  '<!DOCTYPE HTML', '<HTML', '<HEAD', '<SCRIPT', '<IFRAME', '<H1', '<DIV', '<FONT', '<TABLE', '<A', '<STYLE', '<TITLE',
  '<B', '<BODY', '<BR', '<P', '<!--',
]; // prettier-ignore

function exact(type: string, text: string): Signature {
  return { type, bytes: Buffer.from(text, 'latin1'), mask: null, skipsSpace: false };
}

/** `?` in the text stands for any byte. */
function masked(type: string, text: string): Signature {
  const mask = Buffer.from(text.replace(/[^?]/gs, '\xff').replaceAll('?', '\0'), 'latin1');
  return { type, bytes: Buffer.from(text, 'latin1'), mask, skipsSpace: false };
}

const SIGNATURES: readonly Signature[] = [
  { ...exact('text/xml; charset=utf-8', '<?xml'), skipsSpace: true },
  exact('application/pdf', '%PDF-'),
  exact('application/postscript', '%!PS-Adobe-'),
  masked('text/plain; charset=utf-16be', '\xfe\xff??'),
  masked('text/plain; charset=utf-16le', '\xff\xfe??'),
  masked(TEXT, '\xef\xbb\xbf?'),
  exact('image/x-icon', '\0\0\x01\0'),
  exact('image/x-icon', '\0\0\x02\0'),
  exact('image/bmp', 'BM'),
  exact('image/gif', 'GIF87a'),
  exact('image/gif', 'GIF89a'),
  masked('image/webp', 'RIFF????WEBPVP'),
  exact('image/png', '\x89PNG\r\n\x1a\n'),
  exact('image/jpeg', '\xff\xd8\xff'),
  masked('audio/aiff', 'FORM????AIFF'),
  exact('audio/mpeg', 'ID3'),
  exact('application/ogg', 'OggS\0'),
  exact('audio/midi', 'MThd\0\0\0\x06'),
  masked('video/avi', 'RIFF????AVI '),
  masked('audio/wave', 'RIFF????WAVE'),
  exact('video/mp4', ''),
  exact('video/webm', '\x1a\x45\xdf\xa3'),
  masked('application/vnd.ms-fontobject', `${'?'.repeat(34)}LP`),
  exact('font/ttf', '\0\x01\0\0'),
  exact('font/otf', 'OTTO'),
  exact('font/collection', 'ttcf'),
  exact('font/woff', 'wOFF'),
  exact('font/woff2', 'wOF2'),
  exact('application/x-gzip', '\x1f\x8b\x08'),
  exact('application/zip', 'PK\x03\x04'),
  exact('application/x-rar-compressed', 'Rar!\x1a\x07\0'),
  exact('application/x-rar-compressed', 'Rar!\x1a\x07\x01\0'),
  exact('application/wasm', '\0asm'),
];

/** Media type of a body that begins with `head[0, length)`; never ''. */
export function sniff(head: Buffer, length: number): string {
  const end = Math.min(length, SNIFF_BYTES);
  let start = 0;
  while (start < end && isSpace(head[start]!)) start++;
  if (isHtml(head, start, end)) return HTML;
  for (const signature of SIGNATURES) {
    if (signature.type === 'video/mp4' ? isMp4(head, end) : matches(signature, head, start, end)) return signature.type;
  }
  for (let index = start; index < end; index++) if (isBinary(head[index]!)) return BINARY;
  return TEXT;
}

function isSpace(byte: number): boolean {
  return byte === 9 || byte === 10 || byte === 12 || byte === 13 || byte === 32;
}

/** Control characters that no text holds. */
function isBinary(byte: number): boolean {
  return byte <= 8 || byte === 11 || (byte >= 14 && byte <= 26) || (byte >= 28 && byte <= 31);
}

function isHtml(head: Buffer, start: number, end: number): boolean {
  if (head[start] !== 60 || start >= end) return false;
  const text = head.latin1Slice(start, Math.min(end, start + 16)).toUpperCase();
  return HTML_STARTS.some((tag) => text.startsWith(tag) && (text[tag.length] === ' ' || text[tag.length] === '>'));
}

function matches({ bytes, mask, skipsSpace }: Signature, head: Buffer, firstText: number, end: number): boolean {
  const start = skipsSpace ? firstText : 0;
  if (end - start < bytes.length) return false;
  for (let index = 0; index < bytes.length; index++) {
    if ((mask === null || mask[index] !== 0) && head[start + index] !== bytes[index]) return false;
  }
  return true;
}

/** An `ftyp` box with a brand that begins with `mp4`. */
function isMp4(head: Buffer, end: number): boolean {
  if (end < 12) return false;
  const boxSize = head.readUInt32BE(0);
  if (end < boxSize || boxSize % 4 !== 0 || head.latin1Slice(4, 8) !== 'ftyp') return false;
  for (let at = 8; at < boxSize; at += 4) {
    // Bytes 12 to 15 are the version.
    if (at !== 12 && head.latin1Slice(at, at + 3) === 'mp4') return true;
  }
  return false;
}
