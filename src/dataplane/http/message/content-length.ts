// The length that a response announces. Equal ones are one (RFC 9110 §8.6), whether in several fields or in one list,
// as some servers and what stands before them say it twice; requests are read more strictly, since others may read them
// differently.

import { DECIMAL } from './grammar.ts';

/** Of the field's value; -1 when it is none, or says different things. */
export function lengthOf(value: string): number {
  if (value.includes(',')) {
    const [first, ...others] = value.split(',').map((one) => lengthOf(one.trim()));
    return others.every((other) => other === first) ? first! : -1;
  }
  if (!DECIMAL.test(value)) return -1;
  const length = Number(value);
  return length > Number.MAX_SAFE_INTEGER ? -1 : length;
}
