// Entry points with the stages that they put before those of every router, and the TLS options of those that begin it.

import { formatPath, placeOf, type PathSegment } from '../../schema/decode-context.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import { INSTALL_PROVIDER } from '../providers/install/install-provider.ts';
import type { Compilation } from './compilation.ts';
import type { CompiledMiddlewares } from './middlewares.ts';
import type { ReferenceProblem, Resolved } from './reference/references.ts';
import type { CompiledTlsOptions } from './tls.ts';

/** Names without a provider are the install file's own, or those of the routing files. */
const PROVIDERS = [INSTALL_PROVIDER, 'file'] as const;

export interface CompiledEntryPoints {
  readonly specs: Readonly<Record<string, EntryPointSpec>>;
  /** Those with a stage that cannot be used: routers on them are disabled rather than served without it. */
  readonly broken: ReadonlySet<string>;
}

export function compileEntryPoints(
  compilation: Compilation,
  middlewares: CompiledMiddlewares,
  tlsOptions: CompiledTlsOptions,
): CompiledEntryPoints {
  const { install } = compilation;
  const specs: Record<string, EntryPointSpec> = {};
  const broken = new Set<string>();
  for (const [name, spec] of Object.entries(install.entryPoints)) {
    const stages: string[] = [];
    for (const [index, reference] of spec.middlewares.entries()) {
      const { name: qualified, problem } = resolveMiddleware(compilation, reference, name, middlewares);
      if (problem === null) stages.push(...middlewares.resolve(qualified)!);
      else {
        broken.add(name);
        const consequence = 'routers of this entry point are disabled rather than served without it';
        report(compilation, ['entryPoints', name, 'http', 'middlewares', index], problem, consequence);
      }
    }
    const tls = compileTls(compilation, spec, tlsOptions);
    if (!install.unboundEntryPoints.has(name)) specs[name] = { ...spec, middlewares: stages, tls };
  }
  return { specs, broken };
}

function resolveMiddleware(
  { objects, references }: Compilation,
  reference: string,
  entryPoint: string,
  middlewares: CompiledMiddlewares,
): Resolved {
  const isDefined = (provider: string): boolean => objects.middlewares.has(`${reference}@${provider}`);
  const provider = PROVIDERS.find(isDefined) ?? 'file';
  const isUsable = (name: string): boolean => middlewares.resolve(name) !== null;
  return references.resolve('middlewares', reference, { name: entryPoint, provider }, isUsable);
}

function compileTls(
  compilation: Compilation,
  { name, tls }: EntryPointSpec,
  options: CompiledTlsOptions,
): EntryPointSpec['tls'] {
  if (tls === null) return null;
  const [own, files] = PROVIDERS;
  let found = options.resolve(tls.options, { name, provider: own });
  if (found.problem !== null) found = options.resolve(tls.options, { name, provider: files });
  const { name: resolved, problem } = found;
  if (problem === null) return { options: resolved };
  const consequence = 'handshakes for hosts of this entry point fail rather than go on without them';
  report(compilation, ['entryPoints', name, 'http', 'tls', 'options'], problem, consequence);
  return { options: '' };
}

function report(
  { install, findings }: Compilation,
  path: readonly PathSegment[],
  { message }: ReferenceProblem,
  consequence: string,
): void {
  findings.diagnostics.push({
    severity: 'error',
    code: 'dangling-reference',
    message: `${message}; ${consequence}`,
    source: install.source,
    path: formatPath(path),
    ...(placeOf(install.locate, path, 'dangling-reference') ?? { line: 0, column: 0 }),
  });
}
