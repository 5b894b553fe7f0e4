// Takes what may not be shown out of what is compiled. A step that compiles options with something to hide compiles
// them once more as they are shown; last of all the one form takes the place of the other in the snapshot, and the
// whole goes to the secrets.

import { HIDING_SECTIONS, type HidingSection, type ObjectSecret } from '../../../model/secrets.ts';
import type { SnapshotSections } from '../../../model/snapshot.ts';
import { hide } from '../../config/redact.ts';
import { OBJECT_KINDS } from '../../config/routing/object-kinds.ts';
import type { RoutingObject } from '../../config/routing/routing-config.ts';
import type { CompileMemory } from '../compile-memory.ts';
import { isSame } from '../last-made.ts';

interface Named {
  readonly name: string;
}

/** What an object names is nobody's secret, and is followed in the shown form as in the whole. */
const REFERENCES = ['name', 'endpointSet', 'children', 'middlewares'] as const;

export class ShownForms {
  readonly #memory: CompileMemory;
  readonly #forms: { readonly [S in HidingSection]: Map<string, object> } = {
    middlewares: new Map(),
    services: new Map(),
    tcpServices: new Map(),
    udpServices: new Map(),
  };

  constructor(memory: CompileMemory) {
    this.#memory = memory;
  }

  /** The options of an object as they may be shown; null when that is what they are. */
  optionsOf<T extends object>(section: HidingSection, object: RoutingObject<T>): T | null {
    const { value, substituted } = object;
    if (value === null) return null;
    const { options } = OBJECT_KINDS[section];
    const shown = this.#memory.shownOptions.of(value, () => hide<object>(value, options, substituted));
    return shown === value ? null : (shown as T); // Of the same shape.
  }

  set(section: HidingSection, name: string, shown: object): void {
    this.#forms[section].set(name, shown);
  }

  /** The sections as a snapshot may have them, and what they hide. */
  separate(sections: SnapshotSections): {
    readonly sections: SnapshotSections;
    readonly secrets: Readonly<Record<string, ObjectSecret>>;
  } {
    const secrets: Record<string, ObjectSecret> = {};
    const separated: Partial<Record<HidingSection, Readonly<Record<string, Named>>>> = {};
    for (const section of HIDING_SECTIONS) {
      const forms = this.#forms[section];
      if (forms.size === 0) continue;
      const objects: Record<string, Named> = { ...sections[section] };
      for (const [name, form] of forms) {
        const whole = objects[name];
        if (whole === undefined) continue;
        const { secret, shown } = this.#memory.hidden.of(whole, () => this.#hidden(section, whole, form));
        if (secret === '') continue;
        objects[name] = shown as Named; // With the name, among the references.
        secrets[secret] = { object: whole as ObjectSecret['object'] }; // Of a section that hides.
      }
      separated[section] = objects;
    }
    return { sections: { ...sections, ...separated } as SnapshotSections, secrets }; // Each object in its own section.
  }

  #hidden(section: HidingSection, whole: Named, form: object): { readonly secret: string; readonly shown: object } {
    const shown = { ...form, ...referencesOf(whole) };
    if (isSame(shown, whole)) return { secret: '', shown: whole };
    const secret = this.#memory.secretName(section, whole);
    return { secret, shown: { ...shown, secret } };
  }
}

function referencesOf(whole: Named & { readonly [K in (typeof REFERENCES)[number]]?: unknown }): object {
  return Object.fromEntries(REFERENCES.filter((key) => key in whole).map((key) => [key, whole[key]]));
}
