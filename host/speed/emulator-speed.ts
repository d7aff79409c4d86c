/** How fast the emulator runs the real firmware's training steps, beside the library's own core in the same run. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CLOCK_HZ } from '#host/device/emulator/emulated-clock.js';
import { flashOfImage } from '#host/device/emulator/image.js';
import { openInProcess } from '#host/device/emulator/in-process.js';
import { Turns } from '#host/device/emulator/turns.js';
import { Link } from '#host/link/link.js';
import { loadCase } from '#host/network/conformance-case.js';
import { putNetwork } from '#host/training/network-on-device.js';
import { sessionIdOf } from '#host/training/session-id.js';

export interface EmulatorSpeed {
  /** Emulated cycles per microsecond of processor time; a Pico has 125. */
  readonly fastMegahertz: number;
  /** The speed of rp2040js's own core in the same unit, an instruction and a look at the clock at a time. */
  readonly libraryMegahertz: number;
  readonly ratio: number;
  /** Emulated cycles that the fast core was measured over. */
  readonly cycles: number;
}

const DIST = new URL('../', import.meta.url);
const CASE = fileURLToPath(new URL('../test/conformance/priot-45', DIST));
const WARM_UP_STEPS = 1;

async function measure(libraryCore: boolean, count: number): Promise<{ cycles: number; microseconds: number }> {
  const rom = readFileSync(new URL('firmware/shimrom.bin', DIST));
  const flash = flashOfImage(readFileSync(new URL('firmware/priot.uf2', DIST)), 'priot.uf2');
  const device = await openInProcess(new Turns({ rom, flash, latencyMs: 1, libraryCore }));
  const link = await Link.open(device);
  try {
    const { network, stateInitial, method, threshold, steps, images } = loadCase(CASE);
    const settings = { method, threshold };
    const { signal } = new AbortController();
    await putNetwork(link, network, settings, stateInitial, { signal });
    const sessionId = sessionIdOf(network, settings, 0, stateInitial);
    await link.request('startSession', { sessionId, nextStep: 0 });
    const frames = steps.slice(0, WARM_UP_STEPS + count).map(({ label }, step) => ({ label, image: images[step]! }));
    let start = { ms: 0, usage: process.cpuUsage() };
    let done = 0;
    for await (const _ of link.steps({ sessionId, firstStep: 0 }, frames, { signal })) {
      done++;
      if (done === WARM_UP_STEPS) start = { ms: device.clock.nowMs(), usage: process.cpuUsage() };
    }
    const { user, system } = process.cpuUsage(start.usage);
    return { cycles: ((device.clock.nowMs() - start.ms) / 1000) * CLOCK_HZ, microseconds: user + system };
  } finally {
    await link.close();
  }
}

/** Runs the first steps of the case priot-45 on both cores; takes some seconds. */
export async function measureEmulatorSpeed(options: { steps?: number } = {}): Promise<EmulatorSpeed> {
  const steps = options.steps ?? 8;
  const library = await measure(true, Math.max(1, Math.round(steps / 4)));
  const fast = await measure(false, steps);
  const fastMegahertz = fast.cycles / fast.microseconds;
  const libraryMegahertz = library.cycles / library.microseconds;
  return { fastMegahertz, libraryMegahertz, ratio: fastMegahertz / libraryMegahertz, cycles: fast.cycles };
}
