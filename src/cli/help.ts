// Help texts, from the table of commands.

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
  const list = rows.map(([left, doc]) => `${left!.padEnd(width)}   ${doc}\n`).join('');
  const options = takesOptions
    ? '\nAny option of the install configuration may follow, as in --entryPoints.web.address=:8000.\n'
    : '';
  return (
    `signalbox ${name} ${usage}`.trimEnd() +
    `\n\n${summary[0]!.toUpperCase()}${summary.slice(1)}. ${description}\n${list === '' ? '' : `\n${list}`}${options}`
  );
}
