/**
 * What an emulated step would cost more on silicon for its reads from flash. The emulator reads flash at SRAM speed; a
 * Pico reads it through a cache. Here a model of that cache sees every read of some steps, and each miss is charged.
 *
 * The cache: 16 KB, two ways, least recently used way replaced (RP2040 datasheet, 2.6.3). Assumed here: lines of 8 bytes, and a
 * miss stalls the core for the whole line: 12 clocks of command and address, 16 of data, four bits each, at half the
 * core's clock (the Pico's boot stage 2 sets the flash clock so): 56 cycles. Nothing overlaps; a hit is free.
 */
import { readFileSync } from 'node:fs';
import { flashOfImage } from '../device/emulator/image.js';
import { openInProcess } from '../device/emulator/in-process.js';
import { FLASH_START } from '../device/emulator/memory.js';
import { Turns } from '../device/emulator/turns.js';
import { Link } from '../link/link.js';
import type { KernelName } from '../network/open-network.js';
import { mean } from '../statistics.js';
import type { MethodSetup } from '../training/method-request.js';
import { measure } from './measurement.js';
import type { LabelledImage } from './workload.js';

export const FLASH_MISS_CYCLES = 56;
const CACHE_BYTES = 16 * 1024;
const CACHE_WAYS = 2;
const LINE_BYTES = 8;
const SETS = CACHE_BYTES / CACHE_WAYS / LINE_BYTES;

/** Fills the cache before the steps that are counted. */
const WARM_UP_STEPS = 1;
const COUNTED_STEPS = 2;

const DIST = new URL('../../', import.meta.url);

/** A step's mean. Cycles are what the misses would add to those that are reported. */
export interface FlashCost {
  steps: number;
  /** Misses of reads of frozen weights in flash. */
  weightMisses: number;
  /** Misses of code and constants: messages, USB. */
  codeMisses: number;
  missCycles: number;
  addedCycles: number;
}

/** Two-way cache with least recently used replacement. */
export class FlashCache {
  private readonly lines = new Int32Array(SETS * CACHE_WAYS).fill(-1);

  /** Looks an address up, fills its line when it is not there. True: a miss. */
  read(address: number): boolean {
    const line = address >>> 3;
    const recent = (line % SETS) * CACHE_WAYS;
    if (this.lines[recent] === line) return false;
    const older = recent + 1;
    const missed = this.lines[older] !== line;
    this.lines[older] = this.lines[recent]!;
    this.lines[recent] = line;
    return missed;
  }
}

/** Runs the first steps of a workload with every read watched; takes seconds. */
export async function measureFlashCost(
  setup: MethodSetup,
  images: readonly LabelledImage[],
  kernels: KernelName,
  memoryLimitBytes: number | undefined,
  imageBytes: number,
  signal?: AbortSignal,
): Promise<FlashCost> {
  const rom = readFileSync(new URL('firmware/shimrom.bin', DIST));
  const flash = flashOfImage(readFileSync(new URL('firmware/priot.uf2', DIST)), 'priot.uf2');
  // the library's core asks the chip for every instruction and every datum
  const turns = new Turns({ rom, flash, latencyMs: 1, libraryCore: true });
  const cache = new FlashCache();
  const misses = { weights: 0, code: 0 };
  const watch = () =>
    watchReads(turns, (address) => {
      if (cache.read(address)) misses[address - FLASH_START >= imageBytes ? 'weights' : 'code'] += 1;
    });
  const link = await Link.open(await openInProcess(turns));
  try {
    const seen: { weights: number; code: number }[] = [];
    const onStep = () => seen.push({ ...misses });
    const steps = images.slice(0, WARM_UP_STEPS + COUNTED_STEPS);
    const options = { kernels, warmUpImages: [], repeats: 1, memoryLimitBytes, signal };
    await measure(link, setup, steps, { ...options, onPlan: watch, onStep });
    const perStep = (kind: 'weights' | 'code') =>
      mean(seen.slice(WARM_UP_STEPS).map((now, index) => now[kind] - seen[index + WARM_UP_STEPS - 1]![kind]));
    const weightMisses = perStep('weights');
    const codeMisses = perStep('code');
    return {
      steps: seen.length - WARM_UP_STEPS,
      weightMisses,
      codeMisses,
      missCycles: FLASH_MISS_CYCLES,
      addedCycles: (weightMisses + codeMisses) * FLASH_MISS_CYCLES,
    };
  } finally {
    await link.close();
  }
}

function watchReads(turns: Turns, onFlashRead: (address: number) => void): void {
  const { chip } = turns.pico.machine;
  for (const name of ['readUint8', 'readUint16', 'readUint32'] as const) {
    const read = chip[name].bind(chip);
    chip[name] = (address) => {
      if (address >>> 24 === FLASH_START >>> 24) onFlashRead(address >>> 0);
      return read(address);
    };
  }
}
