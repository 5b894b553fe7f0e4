// What is wrong in a rule, and where.

export interface RuleError {
  readonly message: string;
  /** 0-based, in UTF-16 units of the rule text. */
  readonly offset: number;
  readonly length: number;
  readonly expected?: string;
  readonly received?: string;
}

export interface RuleProblems {
  readonly errors: readonly RuleError[];
  /** Parts that are never true, of a rule that is true all the same. */
  readonly warnings: readonly RuleError[];
  /** What parses and does not do what it seems to. */
  readonly doubts: readonly RuleError[];
}
