// What templates count with. A label that is not there counts as empty text where something asks about it, and is a
// mistake where it is written into the rule: the router would take what nobody meant.

export class Missing {
  /** As people name it: `the label "team"`. */
  readonly what: string;

  constructor(what: string) {
    this.what = what;
  }
}

export type TemplateValue =
  string | number | boolean | null | Missing | readonly TemplateValue[] | { readonly [name: string]: TemplateValue };

/** Ends the rendering, or the parsing: a sentence for people. */
export class TemplateError extends Error {}

/** Text that is longer is nobody's rule. */
export const MAX_TEXT = 16_384;

export function isList(value: TemplateValue): value is readonly TemplateValue[] {
  return Array.isArray(value);
}

export function isMapValue(value: TemplateValue): value is { readonly [name: string]: TemplateValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Missing);
}

export function isTrue(value: TemplateValue): boolean {
  if (value === null || value instanceof Missing) return false;
  if (isList(value)) return value.length > 0;
  return typeof value === 'object' ? Object.keys(value).length > 0 : Boolean(value);
}

/** As Go prints it. */
export function textOf(value: TemplateValue): string {
  if (value === null || value instanceof Missing) return '';
  if (isList(value)) return `[${value.map(textOf).join(' ')}]`;
  if (isMapValue(value)) {
    const entries = Object.keys(value).toSorted();
    return `map[${entries.map((name) => `${name}:${textOf(value[name]!)}`).join(' ')}]`;
  }
  return String(value);
}

export function bounded(text: string): string {
  if (text.length > MAX_TEXT) throw new TemplateError(`a text of it is longer than ${MAX_TEXT} characters`);
  return text;
}
