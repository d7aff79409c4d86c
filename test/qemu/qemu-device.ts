/** The engine on QEMU's Cortex-M, as a device: frames through the standard streams of its process. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { realClock } from '#host/device/clock.js';
import type { Device } from '#host/device/device.js';

const IMAGE = fileURLToPath(new URL('../../build/qemu/priot.elf', import.meta.url));
const PROGRAM = 'qemu-system-arm';
const MACHINE =
  '-machine mps2-an385 -display none -monitor none -serial none -semihosting-config enable=on,target=native';

/** Why there is no QEMU to test with; undefined: there is one. */
export function whyNoQemu(): string | undefined {
  if (spawnSync(PROGRAM, ['--version']).status !== 0) return `no ${PROGRAM} here: make setup installs it on Debian`;
  return existsSync(IMAGE) ? undefined : 'build/qemu/priot.elf is not there: make qemu';
}

export function openQemu(): Device {
  // Real pipes, which /dev/stdin and /dev/stdout can open: Node's own are sockets.
  const qemu = spawn('sh', ['-c', `cat | ${PROGRAM} ${MACHINE} -kernel "$0" | cat`, IMAGE], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(qemu, 'close');
  qemu.stdin.on('error', () => {});
  return {
    description: { kind: 'emulator', name: 'qemu' },
    clock: realClock,
    async *chunks() {
      for await (const chunk of qemu.stdout) yield chunk as Buffer;
    },
    async write(bytes) {
      qemu.stdin.write(bytes);
    },
    async close() {
      qemu.stdin.end();
      await ended;
    },
  };
}
