// Rules that parse and do not do what they seem to: parts that no request can match, and patterns that match more than
// they say.

import type { RuleError } from './rule-error.ts';
import type { MatcherNode, RuleNode } from './rule-tree.ts';

type Place = Pick<RuleError, 'offset' | 'length'>;

/** `places` has where the first argument of each matcher stands. */
export function doubtsOf(rule: RuleNode, places: ReadonlyMap<MatcherNode, Place>): readonly RuleError[] {
  const doubts: RuleError[] = [];
  const say = (node: MatcherNode, message: string): void => {
    doubts.push({ message, ...(places.get(node) ?? { offset: 0, length: 1 }) });
  };
  const visit = (node: RuleNode): void => {
    if (node.kind === 'matcher') {
      const message = doubtOf(node.name, node.args[0] ?? '');
      if (message !== null) say(node, message);
      return;
    }
    node.nodes.forEach(visit);
    if (node.kind === 'and') contradictions(node.nodes, say);
  };
  visit(rule);
  return doubts;
}

/** Of what people write; the patterns here take the square of the length. */
const MAX_LENGTH = 500;

function doubtOf(name: string, value: string): string | null {
  if (value.length > MAX_LENGTH) return null;
  switch (name) {
    case 'Path':
    case 'PathPrefix':
      return pathDoubt(name, value);
    case 'HostRegexp':
    case 'HostSNIRegexp':
      return /^[a-z0-9-]+(?:\\?\.[a-z0-9-]+)+$/i.test(value)
        ? `the pattern is found anywhere in a name, so that others that only contain it match as well; write \`^${anchored(value)}$\``
        : null;
    default:
      return null;
  }
}

function anchored(name: string): string {
  return name.replace(/\\?\./g, '\\.');
}

function pathDoubt(name: string, path: string): string | null {
  if (path.includes('?')) {
    const query = path.slice(path.indexOf('?') + 1);
    const [key = '', value = ''] = query.split('=');
    return `no path holds a "?": what follows it is the query; write ${name}(\`${path.slice(0, path.indexOf('?'))}\`) && Query(\`${key}\`, \`${value}\`)`;
  }
  if (path.includes('#')) return 'no path holds a "#": clients keep what follows it to themselves';
  const star = /^(.*?)\/?\.?\*+$/.exec(path);
  if (star !== null) {
    const prefix = star[1] === '' ? '/' : `${star[1]}/`;
    return `a star stands for itself in paths; write PathPrefix(\`${prefix}\`)`;
  }
  if (/\.\*|\.\+|\[[^\]]+\][*+?]|\\[dw.]|^\/?\^|\$$/.test(path)) {
    const pattern = `${path.startsWith('^') ? '' : '^'}${path}${name === 'Path' && !path.endsWith('$') ? '$' : ''}`;
    return `this is a pattern, and ${name} compares texts; write PathRegexp(\`${pattern}\`)`;
  }
  return null;
}

/** What a request has one of. */
const SINGLE: Readonly<Record<string, string>> = {
  Host: 'a request has one host',
  Path: 'a request has one path',
  Method: 'a request has one method',
  HostSNI: 'a client sends one name',
};

function contradictions(nodes: readonly RuleNode[], say: (node: MatcherNode, message: string) => void): void {
  const exact = new Map<string, MatcherNode>();
  for (const node of nodes) {
    if (node.kind !== 'matcher' || node.negated || node.args[0]!.includes('*')) continue;
    const why = SINGLE[node.name];
    if (why === undefined) continue;
    const other = exact.get(node.name);
    if (other === undefined) exact.set(node.name, node);
    else if (other.args[0] !== node.args[0]) {
      say(node, `never true together with ${other.name}(\`${other.args[0]}\`): ${why}; join alternatives with ||`);
    }
  }
  const path = exact.get('Path');
  for (const node of nodes) {
    if (path === undefined || node.kind !== 'matcher' || node.negated || node.name !== 'PathPrefix') continue;
    if (!path.args[0]!.startsWith(node.args[0]!)) {
      say(
        node,
        `never true together with Path(\`${path.args[0]}\`), which begins otherwise; join alternatives with ||`,
      );
    }
  }
}
