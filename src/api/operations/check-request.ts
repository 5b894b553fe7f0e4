// The body of `POST /api/check`: one routing file, or several with their paths, as the configurations they would be.

import { mergeRouting } from '../../controlplane/config/routing/merge-routing.ts';
import { parseConfig } from '../../controlplane/config/document/document.ts';
import { ROUTING_SECTIONS } from '../../controlplane/config/document/document-kind.ts';
import type { RoutingConfig } from '../../controlplane/config/routing/routing-config.ts';
import { decoderOf } from '../../controlplane/providers/define.ts';
import { fileProvider } from '../../controlplane/providers/file/file-provider.ts';
import { INSTALL_PROVIDER } from '../../controlplane/providers/install/install-provider.ts';
import { restProvider } from '../../controlplane/providers/rest/rest-provider.ts';
import { isMap } from '../../schema/input.ts';
import type { KnownPlugins } from '../../schema/decode-context.ts';
import type { Substitutions } from '../../schema/substitution.ts';
import type { ApiRequest } from '../operation.ts';

/** Of which somebody has the text. */
const CHECKED: readonly string[] = [fileProvider.kind, restProvider.kind, INSTALL_PROVIDER];

interface CheckedFile {
  readonly path: string;
  readonly text: string;
  readonly provider: string;
}

interface CheckOptions {
  readonly substitutions: Substitutions;
  readonly plugins: KnownPlugins;
}

/** A text says what is wrong with the request itself. */
export function decodeCheck(request: ApiRequest, options: CheckOptions): readonly RoutingConfig[] | string {
  const files = filesOf(request);
  if (typeof files === 'string') return files;
  const providers = [...new Set(files.map((file) => file.provider))];
  return providers.map((provider) =>
    mergeRouting(
      provider,
      files.filter((file) => file.provider === provider).map((file) => decodeFile(file, options)),
    ),
  );
}

function decodeFile({ path, text, provider }: CheckedFile, { substitutions, plugins }: CheckOptions): RoutingConfig {
  const document = parseConfig(path, text);
  const { value } = document;
  // Of an install file, its routing sections.
  const routing =
    provider === INSTALL_PROVIDER && isMap(value)
      ? Object.fromEntries(Object.entries(value).filter(([key]) => ROUTING_SECTIONS.includes(key.toLowerCase())))
      : value;
  const words = provider === restProvider.kind ? restProvider.words : 'operator';
  return decoderOf({ kind: provider, words }, substitutions, plugins)({ ...document, value: routing });
}

function filesOf({ body, contentType }: ApiRequest): readonly CheckedFile[] | string {
  const ending = /toml/i.test(contentType) ? 'toml' : /json/i.test(contentType) ? 'json' : 'yml';
  const whole: CheckedFile = { path: `request.${ending}`, text: body, provider: 'file' };
  if (ending !== 'json') return [whole];
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    // The parser of configuration files says what and where.
    return [whole];
  }
  if (!isMap(given) || !('files' in given)) return [whole];
  const { files } = given;
  if (!Array.isArray(files)) return '"files" is a list of { "path", "text", "provider" }';
  const decoded: CheckedFile[] = [];
  for (const file of files as unknown[]) {
    if (!isMap(file) || typeof file['path'] !== 'string' || typeof file['text'] !== 'string') {
      return 'each of "files" has a "path" and a "text"';
    }
    const provider = file['provider'] ?? 'file';
    if (typeof provider !== 'string' || !CHECKED.includes(provider)) {
      return `"provider" is one of ${CHECKED.join(', ')}`;
    }
    decoded.push({ path: file['path'], text: file['text'], provider });
  }
  return decoded;
}
