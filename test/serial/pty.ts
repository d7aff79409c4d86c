import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Device } from '#host/device/device.js';

/** A pseudo-terminal: what a program writes to `path` comes out of `output`, and the other way round. */
export interface Pty {
  path: string;
  input: Writable;
  output: Readable;
  /** Whatever was behind it is gone: the cable is pulled. */
  close(): Promise<void>;
}

export async function openPty(): Promise<Pty> {
  const folder = await mkdtemp(join(tmpdir(), 'priot-pty-'));
  const path = join(folder, 'tty');
  // -dd: it says on stderr when data can flow, which is after the link is there.
  const socat = spawn('socat', ['-d', '-d', `PTY,link=${path},raw,echo=0`, 'STDIO']);
  const ended = once(socat, 'exit');
  for await (const text of socat.stderr) if (String(text).includes('starting data transfer loop')) break;
  // Writing to a pty whose other end is gone fails; the tests that cut it know.
  socat.stdin.on('error', () => {});
  return {
    path,
    input: socat.stdin,
    output: socat.stdout,
    async close() {
      socat.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Puts a device behind a pseudo-terminal. */
export function connect(device: Device, pty: Pty): void {
  pty.output.on('data', (bytes: Buffer) => {
    device.write(bytes).catch(() => {});
  });
  void (async () => {
    for await (const chunk of device.chunks()) pty.input.write(chunk);
  })().catch(() => {});
}

/** The board's stream for one plug after another: what is sent while none is in is lost. */
export function sharedStream(board: Device): () => Device {
  const listeners = new Set<(chunk: Uint8Array | undefined) => void>();
  void (async () => {
    for await (const chunk of board.chunks()) for (const listener of listeners) listener(chunk);
  })();
  return () => {
    const received: Uint8Array[] = [];
    let wake = () => {};
    listeners.clear();
    listeners.add((chunk) => {
      if (chunk) received.push(chunk);
      wake();
    });
    return {
      description: board.description,
      clock: board.clock,
      write: (bytes) => board.write(bytes),
      close: async () => {},
      async *chunks() {
        for (;;) {
          while (received.length > 0) yield received.shift()!;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
    };
  };
}

/** The emulated Pico behind a pseudo-terminal, in a process of its own. Closing it pulls the cable. */
export async function openEmulatorPty(): Promise<Pick<Pty, 'path' | 'close'>> {
  const folder = await mkdtemp(join(tmpdir(), 'priot-emulator-'));
  const path = join(folder, 'tty');
  const bridge = spawn(process.execPath, ['dist/host/device/emulator/pty-bridge.js', '--link', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(bridge, 'exit');
  for await (const text of bridge.stdout) if (String(text).includes('ready')) break;
  return {
    path,
    async close() {
      bridge.kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
