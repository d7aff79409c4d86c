/** Runs the built command line: as its users do, as a process, or within the process of the tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const main = join(import.meta.dirname, '../../dist/host/cli/main.js');

export interface CliResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** A program and its first arguments, which runs the command line given after them. */
  through?: readonly [string, ...string[]];
  onStart?: (child: ChildProcess) => void;
  /** Called with all of stderr so far, whenever more of it comes. */
  onStderr?: (stderr: string, child: ChildProcess) => void;
}

/** Runs the built command line as a process of its own. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const [program, ...words] = [...(options.through ?? []), process.execPath, main, ...args] as [string, ...string[]];
  const child = spawn(program, words, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.onStart?.(child);
  const result: CliResult = { status: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    result.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    result.stderr += text;
    options.onStderr?.(result.stderr, child);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ ...result, status }));
  });
}

/** A stream whose text is taken instead of written, until it is given back. */
function takeText(stream: NodeJS.WriteStream): () => string {
  const chunks: Buffer[] = [];
  const listeners = stream.listeners('error');
  // it says that it is done, as streams do: the command line waits for that before it ends
  stream.write = (chunk: string | Uint8Array, ...others: unknown[]) => {
    chunks.push(Buffer.from(chunk as string));
    const done = others.findLast((value) => typeof value === 'function');
    if (done) queueMicrotask(() => done());
    return true;
  };
  return () => {
    Reflect.deleteProperty(stream, 'write');
    for (const listener of stream.listeners('error')) {
      if (!listeners.includes(listener)) stream.off('error', listener as () => void);
    }
    return Buffer.concat(chunks).toString('utf8');
  };
}

let calls = 0;
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs the built command line within this process: the same words, output and status as a process of its own, without
 * the time that it takes to start one. One runs at a time; another call waits. Signals, streams that fail, and what a
 * process leaves behind need {@link runCli}.
 */
export function callCli(args: readonly string[], options: Pick<CliOptions, 'cwd' | 'env'> = {}): Promise<CliResult> {
  const result = last.then(() => callNow(args, options));
  last = result.catch(() => {});
  return result;
}

async function callNow(args: readonly string[], { cwd, env }: Pick<CliOptions, 'cwd' | 'env'>): Promise<CliResult> {
  const before = { argv: process.argv, cwd: process.cwd(), env: process.env, status: process.exitCode };
  const [stdout, stderr] = [takeText(process.stdout), takeText(process.stderr)];
  try {
    process.argv = [process.execPath, main, ...args];
    process.exitCode = undefined;
    if (env) process.env = { ...before.env, ...env };
    if (cwd) process.chdir(cwd);
    // it takes its words from process.argv when it is imported
    await import(/* @vite-ignore */ `${pathToFileURL(main).href}?${calls++}`);
    return { status: Number(process.exitCode ?? 0), stdout: stdout(), stderr: stderr() };
  } finally {
    stdout();
    stderr();
    process.chdir(before.cwd);
    process.argv = before.argv;
    process.env = before.env;
    process.exitCode = before.status;
  }
}
