// The path of a health check as people write it: without its slash, with spaces, or with the fragment of an address
// bar.

import { INVALID } from '../../schema/invalid.ts';
import { string } from '../../schema/scalar.ts';
import type { Schema } from '../../schema/schema.ts';

const text = string();

export const checkPath: Schema<string> = {
  ...text,
  decode(input, context) {
    const given = text.decode(input, context);
    if (given === INVALID) return INVALID;
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(given) || /[\0-\x1f\x7f]/.test(given)) {
      return context.invalid('expected a path; scheme, host and port have options of their own', 'a path', given);
    }
    const path = sentPath(given);
    if (path !== given) {
      context.report('warning', 'invalid-value', `"${path}" is asked for "${given}"`, {
        expected: path,
        received: given,
      });
    }
    return path;
  },
};

/** As it goes into a request line (RFC 9112 §3.2.1). */
function sentPath(given: string): string {
  const fragment = given.indexOf('#');
  const whole = fragment < 0 ? given : given.slice(0, fragment);
  const path = whole.startsWith('/') ? whole : `/${whole}`;
  return encodeURI(path.replace(/\p{Surrogate}/gu, '\ufffd')).replace(/%25([0-9A-Fa-f]{2})/g, '%$1');
}
