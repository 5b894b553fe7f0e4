/** What a decoder returns after it has reported at least one error. */
export const INVALID: unique symbol = Symbol('invalid');
export type Invalid = typeof INVALID;
