// What a rule is once it is read.

export interface MatcherNode {
  readonly kind: 'matcher';
  readonly name: string;
  readonly args: readonly string[];
  readonly negated: boolean;
}

export type RuleNode = MatcherNode | { readonly kind: 'and' | 'or'; readonly nodes: readonly RuleNode[] };
