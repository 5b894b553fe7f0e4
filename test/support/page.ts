// Runs a page of the documents as its reader does: the files it shows are written, and its commands typed, in an empty
// folder. Of the page only the ports are exchanged, for ones that are held, and back in what is printed.
//
// A code block that begins with `# name` in a comment is a file. In a `console` block a line with `$` is a command, and
// the lines under it are what it prints, `…` being anything; nothing there means that it does not matter. What runs
// until Ctrl-C stays, as in a terminal of its own, and gives way to the next of its kind. A `text` block is in the log.

import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { cleanEnvironment } from './marked-processes.ts';
import { holdPorts } from './ports.ts';
import { quietDefaults } from './router.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface Block {
  readonly language: string;
  readonly text: string;
}

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** Of `docs/`; what stands before the first heading of the level is in no section. */
export function sectionsOfPage(name: string, level = 2): readonly Section[] {
  const page = readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
  return page
    .split(new RegExp(`^#{${level}} `, 'm'))
    .slice(1)
    .map((text) => ({
      title: text.slice(0, text.indexOf('\n')),
      blocks: [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map(([, language, block]) => ({
        language: language!,
        text: block!,
      })),
    }));
}

export function fileNameOf({ text }: Block): string | null {
  return /^(?:#|\/\/|<!--) (\S+\.\w+)(?: -->)?\n/.exec(text)?.[1] ?? null;
}

interface Step {
  readonly command: string;
  readonly printed: string;
}

export function stepsOf({ text }: Block): readonly Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const command = /^(?:.*\\\n)*.*/.exec(step)![0];
      return { command, printed: step.slice(command.length).trim() };
    });
}

/** Those that pages use; more can be given. */
const PORTS = ['8000', '8001', '8080', '8443', '9001', '9002', '9003'];

/** What stays, and how it says that it is ready. */
const LASTING: readonly (readonly [begin: string, ready: RegExp])[] = [
  ['signalbox run', /\d+ middlewares?\n/],
  ['signalbox demo --origins', /Ctrl-C ends it/],
];

class Terminal {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  said = '';
  readonly #watchers = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.child = child;
    const heard = (chunk: Buffer): void => {
      this.said += chunk.toString();
      for (const watcher of this.#watchers) watcher();
    };
    child.stdout!.on('data', heard);
    child.stderr!.on('data', heard);
    this.exited = new Promise((resolve) => child.once('close', () => resolve()));
  }

  async sees(text: RegExp): Promise<void> {
    let isOver = false;
    void this.exited.then(() => (isOver = true));
    while (!text.test(this.said)) {
      if (isOver) throw new Error(`it ended before it said ${String(text)}:\n${this.said}`);
      await new Promise<void>((resolve) => {
        this.#watchers.add(resolve);
        void this.exited.then(resolve);
      });
    }
  }
}

export class Reader implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'signalbox-page-'));
  readonly #programs = mkdtempSync(join(tmpdir(), 'signalbox-page-bin-'));
  readonly #ports: ReadonlyMap<string, string>;
  readonly #terminals = new Map<string, Terminal>();
  #install = '';
  /** A file was written under a router that follows it: what it prints next comes when the change is in force. */
  #isChanging = false;

  constructor(more: readonly string[] = []) {
    const names = [...PORTS, ...more].toSorted((one, other) => Number(one) - Number(other));
    // In the same order, for what is printed in it.
    const held = holdPorts(names.length).toSorted((one, other) => one - other);
    this.#ports = new Map(names.map((name, index) => [name, String(held[index])]));
    const program = join(this.#programs, 'signalbox');
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
    chmodSync(program, 0o755);
  }

  /** The port that has the place of one of the page. */
  port(name: string | number): number {
    return Number(this.#ports.get(String(name)));
  }

  async read(blocks: readonly Block[]): Promise<void> {
    for (const block of blocks) {
      const name = fileNameOf(block);
      if (name !== null) this.write(name, block.text);
      else if (block.language === 'console') for (const step of stepsOf(block)) await this.type(step);
      else if (block.language === 'text') await expect.poll(() => this.log()).toMatch(patternOf(block.text.trim(), ''));
    }
  }

  write(name: string, text: string): void {
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, this.#toHeld(text));
    if (name.startsWith('signalbox.')) this.#install = text;
    this.#isChanging = this.#terminals.has('signalbox run');
  }

  async type({ command, printed }: Step): Promise<void> {
    const lasting = LASTING.find(([begin]) => command.startsWith(begin));
    const pattern = patternOf(printed);
    let said = '';
    if (lasting !== undefined) {
      said = await this.#start(command, ...lasting);
      this.#isChanging = false;
    } else if (this.#isChanging && printed !== '') {
      this.#isChanging = false;
      await expect.poll(async () => (said = await this.#run(command)), { message: command }).toMatch(pattern);
    } else said = await this.#run(command);
    if (printed !== '' && !pattern.test(said)) expect(`$ ${command}\n${said}`).toBe(`$ ${command}\n${printed}`);
  }

  /** For the next part of a page: no router, and no files. */
  async empty(): Promise<void> {
    const router = this.#terminals.get('signalbox run');
    if (router !== undefined) await end(router);
    this.#terminals.delete('signalbox run');
    this.#install = '';
    this.#isChanging = false;
    for (const name of readdirSync(this.directory)) rmSync(join(this.directory, name), { recursive: true });
  }

  /** What the router has said since it was started. */
  log(): string {
    return this.#toPage(this.#terminals.get('signalbox run')?.said ?? '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const terminal of this.#terminals.values()) await end(terminal);
    rmSync(this.directory, { recursive: true });
    rmSync(this.#programs, { recursive: true });
  }

  async #start(command: string, begin: string, ready: RegExp): Promise<string> {
    const before = this.#terminals.get(begin);
    if (before !== undefined) await end(before);
    const isDemo = begin.includes('demo') && !command.includes('--ports');
    const terminal = new Terminal(this.#spawn(isDemo ? `${command} --ports 9001,9002` : command));
    this.#terminals.set(begin, terminal);
    await terminal.sees(ready);
    return this.#toPage(terminal.said).trim();
  }

  async #run(command: string): Promise<string> {
    const terminal = new Terminal(this.#spawn(command));
    await terminal.exited;
    return this.#toPage(terminal.said).trim();
  }

  #spawn(command: string): ChildProcess {
    const quiet = quietDefaults(this.#install);
    if ('SIGNALBOX_ENTRYPOINTS_TRAEFIK_ADDRESS' in quiet) {
      quiet['SIGNALBOX_ENTRYPOINTS_TRAEFIK_ADDRESS'] = `127.0.0.1:${this.port(8080)}`;
    }
    // Where a whole command is a program that stays, the shell gives its process to it.
    const exec = LASTING.some(([begin]) => command.startsWith(begin)) ? 'exec ' : '';
    return spawn('bash', ['-c', `${exec}${this.#toHeld(command)}`], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      // As on a terminal, without colours.
      env: cleanEnvironment({
        ...quiet,
        PATH: `${this.#programs}:${process.env['PATH'] ?? ''}`,
        HOME: this.#programs,
        FORCE_COLOR: '1',
        NO_COLOR: '1',
      }),
    });
  }

  #toHeld(text: string): string {
    return exchange(text, this.#ports);
  }

  #toPage(text: string): string {
    return exchange(text, new Map([...this.#ports].map(([name, held]) => [held, name])));
  }
}

function exchange(text: string, ports: ReadonlyMap<string, string>): string {
  const names = [...ports.keys()].join('|');
  return text.replaceAll(new RegExp(String.raw`(?<![\w.])(?:${names})(?![\w])`, 'g'), (name) => ports.get(name)!);
}

/** Of the whole of what is printed, unless anything may stand around it. */
function patternOf(printed: string, edges: 'whole' | '' = 'whole'): RegExp {
  const parts = printed.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const inner = parts.join(String.raw`[\s\S]*?`).replaceAll('\n', String.raw`\s*?\n`);
  return new RegExp(edges === 'whole' ? `^${inner}$` : inner);
}

async function end(terminal: Terminal): Promise<void> {
  if (terminal.child.exitCode === null) terminal.child.kill('SIGTERM');
  await terminal.exited;
}
