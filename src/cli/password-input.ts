// A password from whoever runs a command: typed unseen and twice on a terminal, or one line of standard input.

import { SignalboxError } from '../core/errors.ts';

const ENTER = new Set(['\r', '\n']);
const END_OF_INPUT = '\x04';
const INTERRUPT = '\x03';
const BACKSPACE = new Set(['\x7f', '\b']);
const CLEAR_LINE = '\x15';
/** More is no password, but a file that came by mistake. */
const MAX_INPUT = 10_000;

/** `ask` shows a prompt. Rejects with a SignalboxError when there is none, or the two differ. */
export async function readPassword(user: string, ask: (text: string) => void): Promise<string> {
  if (process.stdin.isTTY !== true) return readLine();
  // Before anything is asked, and until all is answered: a terminal that echoes would show what comes early.
  process.stdin.setRawMode(true);
  try {
    const first = await typeUnseen(`Password of ${user}: `, ask);
    const second = await typeUnseen('Once more: ', ask);
    if (first === second) return first;
  } finally {
    process.stdin.setRawMode(false);
  }
  throw new SignalboxError('ERR_CLI_USAGE', 'the two passwords differ; nothing was made of them. Try again');
}

async function readLine(): Promise<string> {
  process.stdin.setEncoding('utf8');
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > MAX_INPUT) break;
  }
  const line = text.replace(/\r?\n$/, '');
  if (!/[\r\n]/.test(line) && text.length <= MAX_INPUT) return line;
  throw new SignalboxError(
    'ERR_CLI_USAGE',
    'standard input holds more than one line; give the password alone, as in: printf %s "$PASSWORD" | signalbox hash-password USER',
  );
}

function typeUnseen(prompt: string, ask: (text: string) => void): Promise<string> {
  const { stdin } = process;
  ask(prompt);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let typed = '';
    const end = (settle: () => void): void => {
      stdin.off('data', take);
      stdin.off('end', gone);
      stdin.pause();
      ask('\n');
      settle();
    };
    const stop = (message: string): void => end(() => reject(new SignalboxError('ERR_CLI_USAGE', message)));
    const gone = (): void => stop('the terminal is gone; nothing was made');
    const take = (chunk: string): void => {
      const letters = Array.from(chunk);
      for (const [index, letter] of letters.entries()) {
        if (ENTER.has(letter) || letter === END_OF_INPUT) {
          // What was pasted further belongs to the next question.
          const rest = letters.slice(index + 1).join('');
          end(() => resolve(typed));
          if (rest !== '') stdin.unshift(rest);
          return;
        }
        if (letter === INTERRUPT) {
          stop('given up; nothing was made');
          return;
        }
        if (BACKSPACE.has(letter)) typed = Array.from(typed).slice(0, -1).join('');
        else if (letter === CLEAR_LINE) typed = '';
        else if (letter >= ' ') typed += letter;
      }
    };
    stdin.on('data', take);
    stdin.once('end', gone);
  });
}
