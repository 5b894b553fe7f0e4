// The option `defaultRule`: a template that is read once, and rendered for each workload that has a router without a
// rule.

import { parseNodes } from './parse.ts';
import { evaluate } from './evaluate.ts';
import { TemplateError } from './value.ts';

/** What providers of containers know; others leave out what they do not. */
const NAMES = ['Name', 'ContainerName', 'Labels'];

export interface RuleTemplate {
  /** A problem is the end of a sentence for people. */
  render(
    variables: Readonly<Record<string, string>>,
    labels: Readonly<Record<string, string>>,
  ): { readonly text: string } | { readonly problem: string };
}

export function parseTemplate(text: string): RuleTemplate | { readonly problem: string } {
  const nodes = attempt(() => parseNodes(text, NAMES));
  if ('problem' in nodes) return nodes;
  return {
    render(variables, labels) {
      const rendered = attempt(() => evaluate(nodes.result, { ...variables, Labels: labels }).trim());
      if ('problem' in rendered) return rendered;
      return rendered.result === '' ? { problem: 'it comes to nothing' } : { text: rendered.result };
    },
  };
}

function attempt<T>(run: () => T): { readonly result: T } | { readonly problem: string } {
  try {
    return { result: run() };
  } catch (error) {
    if (error instanceof TemplateError) return { problem: error.message };
    throw error;
  }
}
