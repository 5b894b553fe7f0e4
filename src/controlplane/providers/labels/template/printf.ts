// `printf` of templates, with the verbs of Go that make text.

import { bounded, TemplateError, textOf, type TemplateValue } from './value.ts';

const VERB = /%(?<flags>[-0+]*)(?<width>\d{0,4})(?:\.(?<precision>\d{0,4}))?(?<verb>.)/gsu;

export function printf(format: string, args: readonly TemplateValue[]): string {
  let next = 0;
  return bounded(
    format.replaceAll(VERB, (...found) => {
      const groups = found.at(-1) as Readonly<Record<string, string | undefined>>; // Of a pattern with named groups.
      const { flags = '', width = '', precision, verb = '' } = groups;
      if (verb === '%') return '%';
      const arg = args[next++];
      if (arg === undefined) throw new TemplateError(`printf has nothing for %${verb}`);
      const text = formatted(verb, arg, precision);
      if (flags.includes('-')) return text.padEnd(Number(width));
      return text.padStart(Number(width), flags.includes('0') && verb !== 's' ? '0' : ' ');
    }),
  );
}

function formatted(verb: string, arg: TemplateValue, precision: string | undefined): string {
  switch (verb) {
    case 's':
      return precision === undefined ? textOf(arg) : textOf(arg).slice(0, Number(precision));
    case 'v':
    case 't':
      return textOf(arg);
    case 'q':
      return JSON.stringify(textOf(arg));
    case 'd':
    case 'x': {
      const number = Number(textOf(arg));
      if (!Number.isInteger(number))
        throw new TemplateError(`printf %${verb} takes a whole number, found "${textOf(arg)}"`);
      return number.toString(verb === 'd' ? 10 : 16);
    }
    case 'f':
      return Number(textOf(arg)).toFixed(Math.min(Number(precision ?? 6), 20));
    default:
      throw new TemplateError(`printf does not know %${verb}; it knows %s %v %q %d %t %x %f`);
  }
}
