/** The checkpoint in the emulated Pico's flash, with its power cut at every operation of the flash. */
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { openInProcess } from '#host/device/emulator/in-process.js';
import { Turns } from '#host/device/emulator/turns.js';
import { Link } from '#host/link/link.js';
import { Tensor } from '#host/link/messages.js';
import { edgeCount } from '#host/network/network-shape.js';
import { trainingIdOf } from '#host/training/device-checkpoint.js';
import { bytesOf, putNetwork, readState, readTensor } from '#host/training/network-on-device.js';
import { planSessionId } from '#host/training/plan.js';
import { planOf } from '../faults/schedules.js';
import { firmwareFlash, shimRom } from './programs.js';

const plan = planOf('priot-saturated');
const sessionId = planSessionId(plan);
const trainingId = trainingIdOf(plan.training);
const rom = shimRom();

const BREAK_ERASE = 0xe0;
const BREAK_PROGRAM = 0xe1;
/** From here on flash holds frozen weights; what is programmed there is no checkpoint's. */
const WEIGHTS_OFFSET = 1024 * 1024;

/** A Pico that loses its power in the midst of a checkpoint's flash operation number `cut`: the first part of it is done. */
class Board {
  readonly turns: Turns;
  /** Of each flash operation of a checkpoint so far: whether all the host had sent was with the device when it began. */
  readonly allReceived: boolean[] = [];

  constructor(flash: Uint8Array, cut = Number.POSITIVE_INFINITY) {
    this.turns = new Turns({ rom, flash, latencyMs: 1 });
    const { pico } = this.turns;
    const { chip } = pico.machine;
    const carryOut = chip.onBreak;
    chip.onBreak = (code) => {
      const ofCheckpoint = chip.core.registers[0]! < WEIGHTS_OFFSET;
      if (ofCheckpoint && (code === BREAK_ERASE || code === BREAK_PROGRAM)) {
        if (this.operations === cut) this.fail(code);
        this.allReceived.push(pico.cdc.idle);
      }
      carryOut(code);
    };
  }

  get operations(): number {
    return this.allReceived.length;
  }

  get flash(): Uint8Array {
    return this.turns.pico.machine.memory.flash.slice();
  }

  private fail(code: number): never {
    const { chip, memory } = this.turns.pico.machine;
    const [offset, source] = [chip.core.registers[0]!, chip.core.registers[1]!];
    if (code === BREAK_ERASE) memory.flash.fill(0xff, offset, offset + 1000);
    else for (let i = 0; i < 100; i++) memory.flash[offset + i]! &= chip.readUint8(source + i);
    throw new Error('the power failed');
  }
}

/** Puts the network there at a step, with a state that tells it. */
async function begin(link: Link, nextStep: number): Promise<void> {
  const state = plan.initialState.map((value) => (value + nextStep) % 64);
  await putNetwork(link, plan.network, plan.settings, state);
  await link.request('startSession', { sessionId, nextStep });
}

async function saveAt(link: Link, nextStep: number): Promise<number> {
  await begin(link, nextStep);
  const { sequence, stateCrc } = await link.request('saveCheckpoint', { sessionId, trainingId, nextStep });
  expect(stateCrc).toBe(crc32(bytesOf(await readState(link, plan.network, plan.settings))));
  return sequence;
}

/** Of a board that is powered on with that flash. */
async function found(flash: Uint8Array): Promise<number> {
  const link = await Link.open(await openInProcess(new Board(flash).turns));
  const { sequence, stateBytes, stateCrc, nextStep } = await link.request('readCheckpoint', {});
  expect(stateBytes).toBe(edgeCount(plan.network));
  expect(nextStep).toBe(32 * sequence);
  expect(crc32(bytesOf(await readTensor(link, Tensor.TENSOR_CHECKPOINT, stateBytes)))).toBe(stateCrc);
  await link.close();
  return sequence;
}

test('whichever flash operation of a checkpoint the power is cut in, the one before or the new one is read', async () => {
  const first = new Board(firmwareFlash());
  const link = await Link.open(await openInProcess(first.turns));
  expect(await saveAt(link, 32)).toBe(1);
  const each = first.operations;
  // A sector, the pages of the state, and the page that says what it is.
  expect(each).toBe(1 + Math.ceil(edgeCount(plan.network) / 256) + 1);
  expect(await saveAt(link, 64)).toBe(2);
  expect(first.operations).toBe(2 * each);
  await link.close();
  const flash = first.flash;
  expect(await found(flash)).toBe(2);

  for (let cut = 0; cut < each; cut++) {
    const second = new Board(flash.slice(), cut);
    const lost = await Link.open(await openInProcess(second.turns));
    await expect(saveAt(lost, 96)).rejects.toThrow(/the power failed/);
    await lost.close();
    // The header is less than the 100 bytes of its page that were programmed.
    expect({ cut, sequence: await found(second.flash) }).toEqual({ cut, sequence: cut === each - 1 ? 3 : 2 });
  }
});

test('USB is served between the flash operations of a checkpoint', async () => {
  const board = new Board(firmwareFlash());
  const link = await Link.open(await openInProcess(board.turns));
  await begin(link, 32);
  // About 13 packets of 64 bytes, each of which the firmware must take before the next one can come: more than there is
  // time for before the sector is erased, fewer than between the operations that follow.
  const saved = link.request('saveCheckpoint', { sessionId, trainingId, nextStep: 32 });
  const others = Array.from({ length: 80 }, () => link.request('readStatistics', {}));
  expect((await saved).sequence).toBe(1);
  await Promise.all(others);
  expect(board.allReceived[0]).toBe(false);
  expect(board.allReceived.at(-1)).toBe(true);
  expect(link.statistics).toMatchObject({ retries: 0, crcErrors: 0 });
  await link.close();
});
