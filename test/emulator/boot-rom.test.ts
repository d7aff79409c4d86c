/** The emulator with a chip's own boot ROM, for whoever has a dump of one: PRIOT_BOOT_ROM names it. The project ships none. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { openInProcess } from '#host/device/emulator/in-process.js';
import { Turns } from '#host/device/emulator/turns.js';
import { openDevice } from '#host/device/open.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Connection } from '#host/link/connection.js';
import { Link } from '#host/link/link.js';
import { Tensor } from '#host/link/messages.js';
import { loadCase } from '#host/network/conformance-case.js';
import { bytesOf, readState, readTensor } from '#host/training/network-on-device.js';
import { sessionIdOf } from '#host/training/session-id.js';
import { verifyPersistently } from '#host/training/verification.js';
import { firmwareFlash, shimRom } from './programs.js';
import { trainSteps } from './training.js';

const bootRom = process.env.PRIOT_BOOT_ROM || undefined;
const CASE = 'priot-saturated';
const STEPS = 16;
const missing = bootRom === undefined;
const CASES = fileURLToPath(new URL('../conformance', import.meta.url));

describe(`with the boot ROM of a chip${missing ? ' (PRIOT_BOOT_ROM names no dump of one)' : ''}`, () => {
  test.skipIf(missing).each(readdirSync(CASES))(
    '%s: every step as recorded, weights in flash included',
    async (name) => {
      const connection = Connection.over(await Link.open(await openEmulator({ bootRom: bootRom! })));
      const verdict = await verifyPersistently(connection, loadCase(`${CASES}/${name}`), AbortSignal.timeout(600_000));
      await connection.close();
      expect(verdict).toMatchObject({ match: true, firstDifference: null });
    },
  );

  test.skipIf(missing)('steps take the cycles that they take with the ROM of the package', async () => {
    const cyclesWith = async (options: { bootRom?: string }) => {
      const link = await Link.open(await openEmulator(options));
      const steps = await trainSteps(link, 8);
      await link.close();
      return steps.map(({ result }) => [result.cycles, result.forwardCycles]);
    };
    const [own, ours] = [(await cyclesWith({ bootRom: bootRom! })).flat(), (await cyclesWith({})).flat()];
    // interrupts fall elsewhere: what each takes from a step of some 700,000 cycles is right to a cycle or two
    for (const [at, cycles] of own.entries()) expect(Math.abs(cycles - ours[at]!)).toBeLessThanOrEqual(64);
    expect(own.length).toBe(16);
  });

  test.skipIf(missing)(
    "a session ends in the simulator's state, and its checkpoint in flash outlives the power",
    async () => {
      const { network, stateInitial, method, threshold } = loadCase(`${CASES}/${CASE}`);
      const sessionId = sessionIdOf(network, { method, threshold }, 0, stateInitial);
      const train = async (link: Link) => {
        await trainSteps(link, STEPS, CASE);
        return bytesOf(await readState(link, network, {}));
      };
      const simulator = await Link.open(await openSimulator());
      const expected = Buffer.from(await train(simulator));
      await simulator.close();

      const board = new Turns({ rom: readFileSync(bootRom!), flash: firmwareFlash(), latencyMs: 1 });
      const link = await Link.open(await openInProcess(board));
      expect(Buffer.from(await train(link))).toEqual(expected);
      const trainingId = new Uint8Array(8).fill(5);
      await link.request('saveCheckpoint', { sessionId, trainingId, nextStep: STEPS });
      await link.close();

      const flash = board.pico.machine.memory.flash.slice();
      const after = await Link.open(
        await openInProcess(new Turns({ rom: readFileSync(bootRom!), flash, latencyMs: 1 })),
      );
      const { sequence, nextStep, stateBytes } = await after.request('readCheckpoint', {});
      expect({ sequence, nextStep }).toEqual({ sequence: 1, nextStep: STEPS });
      expect(Buffer.from(bytesOf(await readTensor(after, Tensor.TENSOR_CHECKPOINT, stateBytes)))).toEqual(expected);
      await after.close();
    },
  );

  test.skipIf(missing)('a restart, and one into its own USB drive', async () => {
    const turns = new Turns({ rom: readFileSync(bootRom!), flash: firmwareFlash(), latencyMs: 1 });
    const device = await openInProcess(turns);
    const link = await Link.open(device);
    await link.request('restart', { bootsel: false });
    await device.clock.delay(1000);
    expect(turns.pico.machine.resets).toBe(1);
    const again = await link.request('hello', { protocolVersion: link.hello.protocolVersion });
    expect(again).toMatchObject({ resetCause: 'requested' });
    await link.request('restart', { bootsel: true });
    await device.clock.delay(1000).catch(() => {});
    expect(turns.pico.machine.halt?.kind).toBe('bootsel');
    await link.close();
  });
});

describe('--boot-rom', () => {
  test('is refused when it is no boot ROM, and for a device that has its own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'priot-rom-'));
    try {
      const [short, other] = [join(folder, 'short.bin'), join(folder, 'other.bin')];
      writeFileSync(short, shimRom());
      writeFileSync(other, new Uint8Array(16 * 1024));
      const invalid = (message: RegExp) => ({
        code: 'BOOT_ROM_INVALID',
        class: 'data',
        message: expect.stringMatching(message),
      });
      await expect(openDevice('emulator', { bootRom: short })).rejects.toMatchObject(invalid(/bytes, and a boot ROM/));
      await expect(openDevice('emulator', { bootRom: other })).rejects.toMatchObject(invalid(/is no boot ROM/));
      await expect(openDevice('emulator', { bootRom: folder })).rejects.toMatchObject(invalid(/cannot be read/));
      await expect(openDevice('simulator', { bootRom: other })).rejects.toMatchObject({
        code: 'BOOT_ROM_WITHOUT_EMULATOR',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
