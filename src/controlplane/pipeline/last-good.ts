// The last good form of every object. One that turns unreadable — a typo in a rule, an option of the wrong kind, a
// section that is a list — goes on as it last was, until it can be read again or is taken away: nothing that runs ends
// over a slip of the keyboard. What an object names is not part of it: a reference to something that is gone has no
// last good form.

import type { Diagnostic } from '../../model/diagnostic.ts';
import { formatPath } from '../../schema/decode-context.ts';
import type { CompileResult } from '../compile/compile.ts';
import type { StoredForm } from '../../model/stored-form.ts';
import { OBJECT_SECTIONS, type ObjectSection } from '../config/routing/object-kinds.ts';
import type { RoutingConfig, RoutingObject } from '../config/routing/routing-config.ts';
import { formOf, isOf, keyOf } from './written-forms.ts';

export interface Restored {
  readonly configs: readonly RoutingConfig[];
  /**
   * Of the objects that go on in an earlier form: what is wrong with the present one, and that the earlier one counts.
   */
  readonly diagnostics: readonly Diagnostic[];
}

export class LastGood {
  readonly #forms = new Map<string, { readonly form: StoredForm; readonly object: RoutingObject<unknown> }>();
  /** Counts changes of what is kept, so that whoever stores it knows when to. */
  #revision = 0;

  get revision(): number {
    return this.#revision;
  }

  /** What an earlier process has stored, decoded anew. */
  remember(form: StoredForm, object: RoutingObject<unknown>): void {
    if (object.value !== null) this.#forms.set(keyOf(form), { form, object });
  }

  forms(): readonly StoredForm[] {
    return [...this.#forms.values()].map(({ form }) => form);
  }

  /** The configurations with the last good forms of what `result` has found unreadable; null when there are none. */
  restore(configs: readonly RoutingConfig[], { unreadable }: CompileResult): Restored | null {
    const diagnostics: Diagnostic[] = [];
    const restored = configs.map((config) => {
      const sections: Partial<Record<ObjectSection, ReadonlyMap<string, RoutingObject<unknown>>>> = {};
      for (const section of OBJECT_SECTIONS) {
        const objects: ReadonlyMap<string, RoutingObject<unknown>> = config[section];
        const kept = new Map<string, RoutingObject<unknown>>();
        for (const [name, object] of objects) {
          if (object.value !== null && !unreadable.has(object)) continue;
          const good = this.#forms.get(keyOf({ provider: config.provider, section, name }));
          if (good === undefined) continue;
          const found = unreadable.get(object) ?? [];
          diagnostics.push(...found, keptDiagnostic(object));
          kept.set(name, keptForm(good.object, object, [...object.errors, ...found.map(({ message }) => message)]));
        }
        for (const object of this.#lostIn(config, section, objects)) {
          diagnostics.push(keptDiagnostic(object));
          kept.set(object.name, keptForm(object, object, ['its section cannot be read']));
        }
        if (kept.size > 0) sections[section] = new Map([...objects, ...kept]);
      }
      return Object.keys(sections).length === 0 ? config : ({ ...config, ...sections } as RoutingConfig);
    });
    return diagnostics.length === 0 ? null : { configs: restored, diagnostics };
  }

  /** What stood in parts of a document that cannot be read now. */
  #lostIn(
    { provider, unreadableSections }: RoutingConfig,
    section: ObjectSection,
    objects: ReadonlyMap<string, unknown>,
  ): readonly RoutingObject<unknown>[] {
    const sources = unreadableSections.filter((one) => one.section === section).map(({ source }) => source);
    if (sources.length === 0) return [];
    return [...this.#forms.values()]
      .filter(({ form }) => form.provider === provider && form.section === section)
      .filter(({ form }) => sources.includes(form.source) && !objects.has(form.name))
      .map(({ object }) => object);
  }

  /** Takes over what is good in the configurations that are in force, and forgets what they do not have any more. */
  note(configs: readonly RoutingConfig[], { unreadable }: CompileResult): void {
    const present = new Set<string>();
    for (const config of configs) {
      for (const section of OBJECT_SECTIONS) {
        for (const [name, object] of config[section]) {
          const key = keyOf({ provider: config.provider, section, name });
          present.add(key);
          if (object.kept !== undefined || object.value === null || unreadable.has(object)) continue;
          this.#take(key, config, section, object);
        }
      }
    }
    for (const key of this.#forms.keys()) {
      if (present.has(key)) continue;
      this.#forms.delete(key);
      this.#revision++;
    }
  }

  #take(key: string, config: RoutingConfig, section: ObjectSection, object: RoutingObject<unknown>): void {
    const before = this.#forms.get(key);
    if (before?.object === object) return;
    if (before === undefined || !isOf(object, before.form)) this.#revision++;
    this.#forms.set(key, { form: formOf(config, section, object), object });
  }
}

/** It stands where the unreadable one does, so that whatever is said of it leads there. */
function keptForm(
  good: RoutingObject<unknown>,
  { document, path }: RoutingObject<unknown>,
  kept: readonly string[],
): RoutingObject<unknown> {
  return { ...good, document, path, errors: [], kept };
}

function keptDiagnostic({ document, path, name }: RoutingObject<unknown>): Diagnostic {
  return {
    severity: 'warning',
    code: 'last-good',
    message: `"${name}" goes on as it last was; mend it, or take it away to mean it (providers.keepLastGood: false lets mistakes count)`,
    source: document.source,
    path: formatPath(path),
    ...(document.locate(path) ?? { line: 0, column: 0 }),
  };
}
