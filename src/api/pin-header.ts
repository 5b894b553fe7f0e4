// What answers about the configuration say first while it is not the newest one.

import type { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import type { PinStatus } from '../controlplane/pipeline/pin.ts';

export function pinHeader({ pin }: Pipeline): Readonly<Record<string, string>> {
  return pin === null ? {} : { 'X-Signalbox-Pin': pin.text };
}

export function pinPart({ pin }: Pipeline): { readonly pin?: PinStatus } {
  return pin === null ? {} : { pin };
}
