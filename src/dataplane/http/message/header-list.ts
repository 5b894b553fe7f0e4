// The fields of one message in order, each as its lower-case name and its finished line. A field that is only passed on
// is never taken apart; rendering the head is concatenation.

import type { HeaderView } from '../../../model/access-record.ts';

export class HeaderList implements HeaderView {
  /** Lower-case names, parallel to `lines`. */
  readonly names: string[] = [];
  /** `Name: value\r\n`, exactly one space, no white space at the end. */
  readonly lines: string[] = [];

  get count(): number {
    return this.names.length;
  }

  /** The caller has validated the line; `line.length` is name + 2 + value + 2. */
  appendLine(lowerName: string, line: string): void {
    this.names.push(lowerName);
    this.lines.push(line);
  }

  append(name: string, value: string): void {
    this.names.push(name.toLowerCase());
    this.lines.push(`${name}: ${value}\r\n`);
  }

  /** Replaces every field of that name by one, at the place of the first. */
  set(name: string, value: string): void {
    this.setLine(name.toLowerCase(), `${name}: ${value}\r\n`);
  }

  setLine(lowerName: string, line: string): void {
    const first = this.names.indexOf(lowerName);
    if (first < 0) {
      this.appendLine(lowerName, line);
      return;
    }
    this.lines[first] = line;
    if (this.names.indexOf(lowerName, first + 1) >= 0)
      this.#compact((index) => index !== first && this.names[index] === lowerName);
  }

  delete(lowerName: string): void {
    if (this.names.includes(lowerName)) this.#compact((index) => this.names[index] === lowerName);
  }

  clear(): void {
    this.names.length = 0;
    this.lines.length = 0;
  }

  /** Deletes every field whose name is in the set. */
  deleteAll(lowerNames: ReadonlySet<string>): void {
    this.#compact((index) => lowerNames.has(this.names[index]!));
  }

  has(lowerName: string): boolean {
    return this.names.includes(lowerName);
  }

  get(lowerName: string): string | undefined {
    const index = this.names.indexOf(lowerName);
    return index < 0 ? undefined : this.valueAt(index);
  }

  /** All values of the name in order; null when there is none. */
  valuesOf(lowerName: string): readonly string[] | null {
    let index = this.names.indexOf(lowerName);
    if (index < 0) return null;
    const values: string[] = [];
    while (index >= 0) {
      values.push(this.valueAt(index));
      index = this.names.indexOf(lowerName, index + 1);
    }
    return values;
  }

  valueAt(index: number): string {
    const line = this.lines[index]!;
    return line.slice(this.names[index]!.length + 2, -2);
  }

  /** Name as sent. */
  nameAt(index: number): string {
    return this.lines[index]!.slice(0, this.names[index]!.length);
  }

  forEach(visit: (name: string, value: string) => void): void {
    for (let index = 0; index < this.names.length; index++) visit(this.nameAt(index), this.valueAt(index));
  }

  /** All lines as one string, without the blank line. */
  render(): string {
    const lines = this.lines;
    let text = '';
    for (let index = 0; index < lines.length; index++) text += lines[index];
    return text;
  }

  /** A copy that later changes of this list do not touch. */
  clone(): HeaderList {
    const copy = new HeaderList();
    copy.names.push(...this.names);
    copy.lines.push(...this.lines);
    return copy;
  }

  #compact(drop: (index: number) => boolean): void {
    let kept = 0;
    for (let index = 0; index < this.names.length; index++) {
      if (drop(index)) continue;
      this.names[kept] = this.names[index]!;
      this.lines[kept] = this.lines[index]!;
      kept++;
    }
    this.names.length = kept;
    this.lines.length = kept;
  }
}
