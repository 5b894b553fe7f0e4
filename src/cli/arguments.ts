// Splits a command line into what the command itself takes and options of the install configuration, which any command
// that reads one takes too: `--entryPoints.web.address=:80`.

import { didYouMean } from '../core/did-you-mean.ts';
import { installOptions } from '../controlplane/config/install/install-options.ts';
import { isSwitch, type OptionFlag } from '../controlplane/config/install/install-sources.ts';

export interface FlagSpec {
  /** Shown in help, as in `FILE`; null for one that takes no value. */
  readonly value: string | null;
  readonly doc: string;
  /** One letter. */
  readonly short?: string;
  /** Spelling of another program's. */
  readonly alias?: string;
  /** May be given several times. */
  readonly isRepeated?: boolean;
}

export interface Arguments {
  readonly positionals: readonly string[];
  /** By canonical name; flags without a value are `''`. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly options: readonly OptionFlag[];
}

/** A text says what is wrong. */
export function parseArguments(
  argv: readonly string[],
  specs: Readonly<Record<string, FlagSpec>>,
  takesOptions: boolean,
): Arguments | string {
  const positionals: string[] = [];
  const flags = new Map<string, string[]>();
  const options: OptionFlag[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === '--') {
      positionals.push(...argv.slice(index + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const name = (equals < 0 ? word : word.slice(0, equals)).replace(/^--?/, '');
    const inline = equals < 0 ? null : word.slice(equals + 1);
    const isShort = !word.startsWith('--');
    const found = findFlag(specs, name, isShort);
    const next = argv[index + 1];
    if (found !== null) {
      const [canonical, spec] = found;
      const earlier = flags.get(canonical) ?? [];
      if (earlier.length > 0 && spec.isRepeated !== true) return `--${canonical} is given twice`;
      if (spec.value === null) {
        if (inline !== null) return `--${canonical} takes no value`;
        flags.set(canonical, ['']);
        continue;
      }
      const value = inline ?? next;
      if (value === undefined || (inline === null && value.startsWith('--'))) {
        return `--${canonical} needs a value, as in --${canonical} ${spec.value}`;
      }
      if (inline === null) index++;
      flags.set(canonical, [...earlier, value]);
    } else if (takesOptions && !isShort && isInstallOption(name)) {
      if (inline !== null || isSwitch(installOptions, name) || next === undefined || next.startsWith('-')) {
        options.push({ name, value: inline });
      } else {
        options.push({ name, value: next });
        index++;
      }
    } else return unknownFlag(word, specs, takesOptions);
  }
  return { positionals, flags, options };
}

function findFlag(
  specs: Readonly<Record<string, FlagSpec>>,
  name: string,
  isShort: boolean,
): readonly [string, FlagSpec] | null {
  const lower = name.toLowerCase();
  for (const entry of Object.entries(specs)) {
    const [canonical, { short, alias }] = entry;
    if (isShort ? short === name : canonical.toLowerCase() === lower || alias?.toLowerCase() === lower) return entry;
  }
  return null;
}

function isInstallOption(name: string): boolean {
  const first = name.split(/[.[]/)[0]!.toLowerCase();
  return Object.keys(installOptions.fields ?? {}).some((option) => option.toLowerCase() === first);
}

function unknownFlag(word: string, specs: Readonly<Record<string, FlagSpec>>, takesOptions: boolean): string {
  const name = word.split('=')[0]!;
  if (takesOptions && /^--(?:http|tcp|udp|tls)[.[]/i.test(name)) {
    return `routers, services and middlewares are no flags: write ${name.slice(2).split(/[.[]/)[0]!.toLowerCase()}: into a file, and name it with --providers.file.filename`;
  }
  const known = Object.keys(specs);
  if (takesOptions) known.push(...Object.keys(installOptions.fields ?? {}));
  // Without the dashes, which all flags have in common.
  const [first = '', ...rest] = takesOptions ? name.split('.') : [name];
  const near = didYouMean(first.replace(/^--?/, ''), known);
  return `unknown flag ${name}${near === null ? '' : `; did you mean --${[near, ...rest].join('.')}?`}`;
}
