/**
 * What a decoder returns after it has reported at least one error. Registered, since a plugin may come with a copy of
 * this package of its own: what its decoders return is the same value.
 */
export const INVALID: unique symbol = Symbol.for('signalbox.invalid');
export type Invalid = typeof INVALID;
