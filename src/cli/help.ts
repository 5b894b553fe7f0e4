// Help texts, from the table of commands; no line is wider than most terminals.

import type { Command } from './command.ts';
import { EXIT_CODES } from './io.ts';

/** On one screen. */
export function helpText(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  signalbox ${name.padEnd(width)}   ${summary}\n`);
  return `signalbox: a router for services that come and go

${lines.join('')}
"signalbox help COMMAND" tells more. To begin: "signalbox demo".
Exit codes: ${EXIT_CODES.map(([code, meaning]) => `${code} ${meaning}`).join('; ')}.
`;
}

export function commandHelp({ name, usage, summary, description, flags, takesOptions }: Command): string {
  const rows = Object.entries(flags).map(([flag, { value, short, doc }]) => [
    `  ${short === undefined ? '   ' : `-${short},`} --${flag}${value === null ? '' : ` ${value}`}`,
    doc,
  ]);
  const width = Math.max(0, ...rows.map(([left]) => left!.length));
  const list = rows.map(([left, doc]) => `${left!.padEnd(width)}   ${wrap(doc!, width + 3)}\n`).join('');
  const options = takesOptions
    ? '\nAny option of the install configuration may follow, as in --entryPoints.web.address=:8000.\n'
    : '';
  const words = `${summary[0]!.toUpperCase()}${summary.slice(1)}. ${description}`;
  return `signalbox ${name} ${usage}`.trimEnd() + `\n\n${wrap(words, 0)}\n${list === '' ? '' : `\n${list}`}${options}`;
}

const WIDTH = 100;

/** Breaks between words; lines after the first begin at the indent. */
function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}
