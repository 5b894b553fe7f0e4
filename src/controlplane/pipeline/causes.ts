// Why an object is disabled, followed to where it began: "the middleware is disabled" sends its reader on another
// search.

import type { Compiled } from '../compile/compiled.ts';
import { qualify } from '../compile/compiled.ts';
import type { CompileResult } from '../compile/compile.ts';
import { OBJECT_KINDS, OBJECT_SECTIONS } from '../config/routing/object-kinds.ts';

/** References that lead to references. */
const MAX_STEPS = 5;
const DISABLED = /^the (middleware|service|router|member) "([^"]+)"(?: above it)? is disabled$/;

/** The reasons, each with that of what it names. */
export function causesOf(result: CompileResult, object: Compiled<unknown>, transport: 'http' | 'tcp' | 'udp'): string {
  const [first, ...more] = object.errors;
  if (first === undefined) return 'it has errors';
  return [first, ...more].map((message) => followed(result, object.provider, message, transport, MAX_STEPS)).join('; ');
}

function followed(
  result: CompileResult,
  provider: string,
  message: string,
  transport: 'http' | 'tcp' | 'udp',
  steps: number,
): string {
  const [, kind, reference] = DISABLED.exec(message) ?? [];
  if (kind === undefined || reference === undefined || steps === 0) return message;
  const target = objectsOf(result, kind, transport)?.get(qualify(reference, provider));
  const reason = target?.errors[0];
  if (target === undefined || reason === undefined) return message;
  return `${message}: ${followed(result, target.provider, reason, transport, steps - 1)}`;
}

function objectsOf(
  result: CompileResult,
  kind: string,
  transport: 'http' | 'tcp' | 'udp',
): ReadonlyMap<string, Compiled<unknown>> | undefined {
  const name = kind === 'service' ? 'services' : kind === 'router' ? 'routers' : 'middlewares';
  const section = OBJECT_SECTIONS.find((one) => OBJECT_KINDS[one].at.join('.') === `${transport}.${name}`);
  return section === undefined ? undefined : result[section];
}
