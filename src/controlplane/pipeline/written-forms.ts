// Configurations as what was written of them, object by object: to be kept over restarts, where nothing may stand that
// a substitution stands for, and to be decoded again as their provider would.

import type { StoredForm, Words } from '../../model/stored-form.ts';
import type { ConfigDocument } from '../config/document/document.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import { mergeRouting } from '../config/routing/merge-routing.ts';
import { OBJECT_KINDS, OBJECT_SECTIONS, type ObjectSection } from '../config/routing/object-kinds.ts';
import { decodeRouting, type RoutingConfig, type RoutingObject } from '../config/routing/routing-config.ts';

/** The forms of configurations that follow each other: what did not change is one object in all of them. */
export class WrittenForms {
  #known: ReadonlyMap<string, StoredForm> = new Map();

  /** Of every object, readable or not; certificates are of today in any case, and their keys are not kept. */
  of(configs: readonly RoutingConfig[]): readonly StoredForm[] {
    const forms = new Map<string, StoredForm>();
    for (const config of configs) {
      for (const section of OBJECT_SECTIONS) {
        if (section === 'certificates') continue;
        for (const object of config[section].values()) {
          const key = keyOf({ provider: config.provider, section, name: object.name });
          const before = this.#known.get(key);
          const isSame = before !== undefined && before.words === config.words && isOf(object, before);
          forms.set(key, isSame ? before : formOf(config, section, object));
        }
      }
    }
    this.#known = forms;
    return [...forms.values()];
  }
}

export function keyOf({ provider, section, name }: Pick<StoredForm, 'provider' | 'section' | 'name'>): string {
  return `${section} ${name}@${provider}`;
}

export function formOf(
  { provider, words }: { readonly provider: string; readonly words: Words },
  section: ObjectSection,
  { name, text, path, document: { source } }: RoutingObject<unknown>,
): StoredForm {
  return { provider, words, section, name, source, path, text };
}

/** Nothing of the form has changed. */
export function isOf({ text, document: { source } }: RoutingObject<unknown>, form: StoredForm): boolean {
  return form.text === text && form.source === source;
}

/** The configurations that these forms are of, with the substitutions and plugins of today. */
export function decodeForms(
  forms: readonly StoredForm[],
  { substitutions, plugins, providers }: InstallConfig,
): readonly RoutingConfig[] {
  const byProvider = new Map<string, Map<string, StoredForm[]>>();
  for (const form of forms) {
    const bySource = byProvider.get(form.provider) ?? new Map<string, StoredForm[]>();
    byProvider.set(form.provider, bySource);
    const place = JSON.stringify([form.words, form.source]);
    const group = bySource.get(place);
    if (group === undefined) bySource.set(place, [form]);
    else group.push(form);
  }
  return [...byProvider].map(([provider, bySource]) => {
    // As the options of today say, whatever was allowed when it was written.
    const configured = providers.find(({ definition }) => definition.kind === provider);
    const allowances = configured?.definition.allowances?.(configured.options);
    const parts = [...bySource.values()].map((group) =>
      decodeRouting(provider, documentOf(group), {
        ...(group[0]!.words === 'operator' ? { substitutions } : { allowances }),
        plugins: plugins.known,
      }),
    );
    return mergeRouting(provider, parts);
  });
}

/** Of one source. */
function documentOf(forms: readonly StoredForm[]): ConfigDocument {
  const value: Record<string, Record<string, unknown>> = {};
  for (const form of forms) {
    // Of another version of the program, it may name what is not known here.
    const section = OBJECT_SECTIONS.find((one) => one === form.section);
    if (section === undefined) continue;
    const { at, isList } = OBJECT_KINDS[section];
    const [part, name] = at;
    const given: unknown = JSON.parse(form.text);
    const into = (value[part] ??= {});
    if (isList === true) ((into[name] ??= []) as unknown[]).push(given);
    else ((into[name] ??= Object.create(null)) as Record<string, unknown>)[form.name] = given;
  }
  return { source: forms[0]!.source, text: '', value, diagnostics: [], locate: () => null };
}
