/**
 * An emulated Pico behind a pseudo-terminal, so that the real serialport package opens it like a board:
 *
 *     node dist/host/device/emulator/pty-bridge.js --link PATH [--firmware FILE]
 *
 * Prints "ready" once PATH is there and the device is enumerated; ends on SIGTERM, SIGINT or when socat ends.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { openEmulator } from './emulator.js';

type Socat = ChildProcessByStdio<Writable, Readable, null>;

const PTY_TIMEOUT_MS = 10_000;
const PTY_POLL_MS = 10;

function startSocat(link: string): Socat {
  const address = `PTY,link=${link},raw,echo=0,mode=600`;
  return spawn('socat', ['-b65536', address, 'STDIO'], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** Waits until socat has made its link: it says so in no other way. */
async function linkAppears(socat: Socat, link: string): Promise<void> {
  const deadline = performance.now() + PTY_TIMEOUT_MS;
  while (!existsSync(link)) {
    if (socat.exitCode !== null || performance.now() > deadline) throw new Error(`socat did not make ${link}`);
    await new Promise((resolve) => setTimeout(resolve, PTY_POLL_MS));
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { link: { type: 'string' }, firmware: { type: 'string' } } });
  if (!values.link) throw new Error('usage: pty-bridge --link PATH [--firmware FILE]');
  const device = await openEmulator({ live: true, ...(values.firmware ? { firmware: values.firmware } : {}) });
  const socat = startSocat(values.link);
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
    socat.once('exit', () => resolve());
    socat.once('error', (error) => {
      process.stderr.write(`socat: ${error.message}\n`);
      resolve();
    });
  });
  socat.stdin.on('error', () => {}); // EPIPE: its exit is what counts
  await Promise.race([linkAppears(socat, values.link), stopped]);

  const toPty = async () => {
    for await (const chunk of device.chunks()) {
      if (!socat.stdin.write(chunk)) await Promise.race([once(socat.stdin, 'drain'), stopped]);
    }
  };
  const fromPty = async () => {
    for await (const bytes of socat.stdout) await device.write(bytes as Buffer);
  };
  process.stdout.write('ready\n');
  await Promise.race([toPty(), fromPty(), stopped]);
  socat.kill();
  await device.close();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
