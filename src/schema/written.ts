// Scalars that would not be shown as they were written: `1.10`, `0x10`, `True`, whole numbers beyond 2^53. Options that
// want a number or a switch take the value; options that want text, and keys, take what stands in the file.

/** Text cannot begin like this: an object whose `1.10` becomes `"1.10"` has changed. */
const MARK = '\0';

export class Written {
  readonly value: number | boolean;
  readonly text: string;

  constructor(value: number | boolean, text: string) {
    this.value = value;
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return MARK + this.text;
  }
}

/** The value itself when it is shown as it was written. */
export function asWritten(value: number | boolean, text: string): number | boolean | Written {
  return String(value) === text ? value : new Written(value, text);
}

/** What decoders of numbers and switches see. */
export function plainValue(input: unknown): unknown {
  return input instanceof Written ? input.value : input;
}
