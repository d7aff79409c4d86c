/** A real Redis for one test: on a free loopback port, with its append-only file in a temporary folder. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RedisSettings {
  /** The default user's password. */
  readonly password?: string;
  /** Lines of redis.conf besides. */
  readonly lines?: readonly string[];
  /** The address that it listens on; left out: 127.0.0.1. */
  readonly bind?: string;
  /** It speaks TLS alone, with this certificate. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** A program and its first arguments, which runs the server given after them. */
  readonly through?: readonly string[];
}

export class RedisServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'priot-redis-'));
  #process: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly settings: RedisSettings,
  ) {}

  static async start(settings: RedisSettings = {}): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), settings);
    await server.up();
    return server;
  }

  get url(): string {
    const { bind = '127.0.0.1', tls } = this.settings;
    return `${tls === undefined ? 'redis' : 'rediss'}://${bind}:${this.port}/0`;
  }

  /** Starts it, with what its file has; returns once it takes commands. */
  async up(): Promise<void> {
    const { password, lines = [], bind = '127.0.0.1', through = [], tls } = this.settings;
    const conf = join(this.#folder, 'redis.conf');
    const text = [
      ...[`port ${this.port}`, `bind ${bind}`, `dir ${this.#folder}`, 'appendonly yes', 'save ""', 'loglevel notice'],
      ...(password === undefined ? [] : [`requirepass ${password}`]),
      ...(bind === '127.0.0.1' ? [] : ['protected-mode no']),
      ...(tls === undefined
        ? []
        : [
            ...['port 0', `tls-port ${this.port}`, 'tls-auth-clients no'],
            ...[`tls-cert-file ${tls.certificate}`, `tls-key-file ${tls.key}`],
          ]),
      ...lines,
    ];
    writeFileSync(conf, `${text.join('\n')}\n`);
    const [program = '', ...words] = [...through, 'redis-server', conf];
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = child;
    let said = '';
    for await (const text of child.stdout) {
      said += String(text);
      if (said.includes('Ready to accept connections')) break;
    }
    if (!said.includes('Ready to accept connections')) throw new Error(`redis-server ended: ${said}`);
    child.stdout.resume();
  }

  /** Ends it by its process's id: cleanly, or as a machine that is switched off. */
  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** Has it answer nothing, for all that its connections stay, or go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal);
  }

  /** Asks it something, from where it runs. */
  ask(...words: readonly string[]): string {
    const { bind = '127.0.0.1', through = [], password } = this.settings;
    const where = [
      'redis-cli',
      '-h',
      bind,
      '-p',
      String(this.port),
      ...(password === undefined ? [] : ['-a', password]),
    ];
    const [program = '', ...args] = [...through, ...where, ...words];
    const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    if (stderr !== '') throw new Error(stderr);
    return stdout.trim();
  }

  async remove(): Promise<void> {
    await this.down('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
