// Text files as editors and shells leave them: UTF-8 with or without a byte order mark, and the UTF-16 that PowerShell
// writes with `>`.

export function decodeText(bytes: Buffer): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return bytes.toString('utf16le', 2);
  if (first === 0xfe && second === 0xff) return swapped(bytes).toString('utf16le', 2);
  // Configuration begins with ASCII: one of two bytes is 0 then.
  if (bytes.length % 2 === 0 && bytes.length > 0) {
    if (first !== 0 && second === 0) return bytes.toString('utf16le');
    if (first === 0 && second !== 0) return swapped(bytes).toString('utf16le');
  }
  const text = bytes.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function swapped(bytes: Buffer): Buffer {
  return Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2))).swap16();
}
