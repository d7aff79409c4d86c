/** The result of a training run as text for a terminal. */
import type { MemoryEvent } from '../../runs/events.js';
import type { RunSummary } from '../../runs/run-manifest.js';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function formatSummary(summary: RunSummary, memory: MemoryEvent | null): string[] {
  const { accuracy, cyclesPerStep, deviceIdleShare } = summary;
  const lines = [
    ...accuracyLines(accuracy),
    `steps       ${whole.format(summary.steps)}, ${summary.place}`,
    ...timeLines(summary),
  ];
  if (cyclesPerStep !== null) {
    const { mean, median, min, max } = cyclesPerStep;
    lines.push(
      `cycles/step ${whole.format(mean)} mean, ${whole.format(median)} median, ${whole.format(min)} to ${whole.format(max)}, ${summary.place}`,
    );
  }
  if (deviceIdleShare !== null) lines.push(`idle        ${(deviceIdleShare * 100).toFixed(1)} % of the device's time`);
  if (memory !== null) lines.push(...memoryLines(memory));
  lines.push(`state       SHA-256 ${summary.stateDigest}`, `run         ${summary.run}`);
  return lines;
}

function accuracyLines({ before, after, best, images, bestImages, initial, source }: RunSummary['accuracy']): string[] {
  const on = (count: number | undefined) => (count === undefined ? '' : ` on ${whole.format(count)} images`);
  const lines = [`accuracy    ${before.toFixed(4)} before, ${after.toFixed(4)} after${on(images)}`];
  if (initial !== undefined && initial !== null) {
    lines.push(`            ${initial.toFixed(4)} with the initial scores${on(bestImages)}`);
  }
  lines.push(`            ${best.toFixed(4)} in the best epoch${on(bestImages)}, chosen on test data`);
  if (source !== undefined && source !== null) {
    const { before, after, images } = source;
    lines.push(`unshifted   ${before.toFixed(4)} before, ${after.toFixed(4)} after${on(images)}`);
  }
  return lines;
}

/** The device's time and this computer's, each by its name. */
function timeLines({ steps, computeSeconds, deviceSeconds, wallSeconds, place }: RunSummary): string[] {
  const lines: string[] = [];
  if (computeSeconds !== undefined && computeSeconds !== null && steps > 0) {
    const stepMs = (computeSeconds / steps) * 1000;
    lines.push(`device time ${computeSeconds.toFixed(1)} s, ${stepMs.toFixed(2)} ms per step, ${place}`);
    if (deviceSeconds !== undefined && deviceSeconds !== null) {
      lines.push(`            ${deviceSeconds.toFixed(1)} s with messages and waiting`);
    }
  }
  lines.push(`this computer took ${wallSeconds.toFixed(1)} s, evaluation included`);
  return lines;
}

function memoryLines({ arena, sramTotal, static: staticBytes, code, stackHighWater, flash }: MemoryEvent): string[] {
  const planned = Object.values(arena).reduce((sum, bytes) => sum + bytes, 0);
  const inUse = staticBytes === null || stackHighWater === null ? null : planned + staticBytes + stackHighWater;
  const rows: [string, number | null][] = [
    ['weights', arena.weights],
    ['learned state', arena.state],
    ['activations', arena.activations],
    ['errors', arena.errors],
    ['other buffers', arena.other],
    ['stack, high water', stackHighWater],
    ['code in SRAM', code ?? null],
    ['other static data', staticBytes === null ? null : staticBytes - (code ?? 0)],
    ['SRAM in use, in all', inUse],
    ['SRAM there is', sramTotal],
    ['flash', flash],
  ];
  const known = rows.filter((row): row is [string, number] => row[1] !== null && row[1] > 0);
  const shown = known.map(([name, bytes]) => [name, whole.format(bytes)] as const);
  return ['memory      bytes', ...shown.map(([name, bytes]) => `  ${name.padEnd(24)}${bytes.padStart(10)}`)];
}
