/** A worker as its users run it: a process, which can be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../dist/host/cli/main.js');

export class WorkerProcess extends EventEmitter {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  stderr = '';

  /** @param through a program and its first arguments, which runs the worker given after them */
  constructor(args: readonly string[], through: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) {
    super();
    const [program, ...words] = [...through, process.execPath, main, 'worker', ...args] as [string, ...string[]];
    this.#child = spawn(program, words, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#ended = once(this.#child, 'exit');
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.emit('said');
    });
    this.#child.once('exit', () => this.emit('said'));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until it has said something, that often. */
  async said(pattern: RegExp, times = 1): Promise<void> {
    const all = new RegExp(pattern, 'g');
    while ((this.stderr.match(all) ?? []).length < times) {
      if (!this.isAlive) throw new Error(`the worker ended before it said ${pattern}: ${this.stderr}`);
      await once(this, 'said');
    }
  }

  /** Ends it by its process's id; resolves to its exit status, null when it was killed. */
  async end(signal: 'SIGTERM' | 'SIGKILL' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    if (this.isAlive) this.#child.kill(signal);
    await this.#ended;
    return this.#child.exitCode;
  }
}
