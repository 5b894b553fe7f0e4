// What a template says of a workload. Steps and text are bounded: labels are a tenant's words, and what a template does
// with them is not to keep the process.

import { FUNCTIONS } from './functions.ts';
import type { Node, Operand, Pipeline } from './parse.ts';
import { isList, isMapValue, isTrue, MAX_TEXT, Missing, TemplateError, textOf, type TemplateValue } from './value.ts';

const MAX_STEPS = 10_000;

/** Throws TemplateError. */
export function evaluate(nodes: readonly Node[], root: TemplateValue): string {
  return new Evaluation(root).run(nodes);
}

class Evaluation {
  readonly #root: TemplateValue;
  /** The innermost last. */
  readonly #variables: { readonly name: string; value: TemplateValue }[] = [];
  #steps = 0;
  #text = '';

  constructor(root: TemplateValue) {
    this.#root = root;
  }

  run(nodes: readonly Node[]): string {
    this.#nodes(nodes, this.#root);
    return this.#text;
  }

  #nodes(nodes: readonly Node[], dot: TemplateValue): void {
    const known = this.#variables.length;
    for (const node of nodes) this.#node(node, dot);
    this.#variables.length = known;
  }

  #node(node: Node, dot: TemplateValue): void {
    this.#step();
    switch (node.kind) {
      case 'text':
        return this.#write(node.text);
      case 'output': {
        const value = this.#value(node.pipeline, dot);
        if (value instanceof Missing)
          throw new TemplateError(`{{ ${node.source} }} needs ${value.what}, which is not there`);
        return this.#write(textOf(value));
      }
      case 'assign':
        return this.#assign(node.name, node.isNew, this.#value(node.pipeline, dot));
      case 'if':
      case 'with': {
        const known = this.#variables.length;
        const value = this.#value(node.pipeline, dot);
        if (node.name !== '') this.#variables.push({ name: node.name, value });
        if (isTrue(value)) this.#nodes(node.body, node.kind === 'with' ? value : dot);
        else this.#nodes(node.otherwise, dot);
        this.#variables.length = known;
        return;
      }
      case 'range':
        return this.#range(node, dot);
    }
  }

  #range(node: Extract<Node, { kind: 'range' }>, dot: TemplateValue): void {
    const entries = entriesOf(this.#value(node.pipeline, dot));
    if (entries.length === 0) return this.#nodes(node.otherwise, dot);
    const known = this.#variables.length;
    for (const [key, entry] of entries) {
      this.#step();
      if (node.key !== '') this.#variables.push({ name: node.key, value: key });
      if (node.entry !== '') this.#variables.push({ name: node.entry, value: entry });
      this.#nodes(node.body, entry);
      this.#variables.length = known;
    }
  }

  #step(): void {
    if (++this.#steps > MAX_STEPS) throw new TemplateError(`it takes more than ${MAX_STEPS} steps`);
  }

  #write(text: string): void {
    this.#text += text;
    if (this.#text.length > MAX_TEXT) throw new TemplateError(`the rule is longer than ${MAX_TEXT} characters`);
  }

  #assign(name: string, isNew: boolean, value: TemplateValue): void {
    if (isNew) this.#variables.push({ name, value });
    else this.#variable(name).value = value;
  }

  #variable(name: string): { value: TemplateValue } {
    const found = this.#variables.findLast((one) => one.name === name);
    if (found === undefined) throw new TemplateError(`the variable "$${name}" is used before it has a value`);
    return found;
  }

  #value({ commands }: Pipeline, dot: TemplateValue): TemplateValue {
    let piped: TemplateValue | undefined;
    for (const [first, ...operands] of commands) {
      this.#step();
      const args = operands.map((operand) => this.#operand(operand, dot));
      if (piped !== undefined) args.push(piped);
      piped = first!.kind === 'function' ? call(first!.name, args) : this.#operand(first!, dot);
    }
    return piped ?? null;
  }

  #operand(operand: Operand, dot: TemplateValue): TemplateValue {
    switch (operand.kind) {
      case 'constant':
        return operand.value;
      case 'field':
        return fieldOf(dot, operand.names);
      case 'variable':
        return fieldOf(operand.name === '' ? this.#root : this.#variable(operand.name).value, operand.names);
      case 'function':
        return call(operand.name, []);
      case 'pipeline':
        return fieldOf(this.#value(operand.pipeline, dot), operand.names);
    }
  }
}

function call(name: string, args: readonly TemplateValue[]): TemplateValue {
  const { min, max, takesMissing, run } = FUNCTIONS[name]!;
  if (args.length < min || args.length > max) {
    throw new TemplateError(`${name} takes ${min === max ? min : `at least ${min}`}, found ${args.length}`);
  }
  // What is made of something that is not there is not there either.
  const missing = takesMissing ? undefined : args.find((arg) => arg instanceof Missing);
  return missing ?? run(args);
}

function fieldOf(from: TemplateValue, names: readonly string[]): TemplateValue {
  let value = from;
  for (const name of names) {
    if (value instanceof Missing) return value;
    if (!isMapValue(value)) throw new TemplateError(`"${textOf(value)}" has no ".${name}"`);
    value = Object.hasOwn(value, name) ? value[name]! : new Missing(`".${name}"`);
  }
  return value;
}

function entriesOf(value: TemplateValue): readonly (readonly [TemplateValue, TemplateValue])[] {
  if (isList(value)) return value.map((entry, index) => [index, entry] as const);
  if (!isMapValue(value)) return [];
  return Object.keys(value)
    .toSorted()
    .map((name) => [name, value[name]!] as const);
}
