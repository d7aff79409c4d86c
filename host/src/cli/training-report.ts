/** The result of a training run as text for a terminal. */
import type { MemoryEvent } from '../runs/events.js';
import type { RunSummary } from '../runs/run-manifest.js';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function formatSummary(summary: RunSummary, memory: MemoryEvent | null): string[] {
  const { accuracy, cyclesPerStep, deviceIdleShare } = summary;
  const lines = [
    `accuracy    ${accuracy.before.toFixed(4)} before, ${accuracy.after.toFixed(4)} after (best ${accuracy.best.toFixed(4)}, chosen on test data)`,
    `steps       ${whole.format(summary.steps)} in ${summary.wallSeconds.toFixed(1)} s, ${summary.place}`,
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

function memoryLines({ arena, sramTotal, static: staticBytes, stackHighWater, flash }: MemoryEvent): string[] {
  const rows = [
    ['weights', arena.weights],
    ['learned state', arena.state],
    ['activations', arena.activations],
    ['errors', arena.errors],
    ['other buffers', arena.other],
    ['stack, high water', stackHighWater],
    ['other static data', staticBytes],
    ['SRAM there is', sramTotal],
    ['flash', flash],
  ] as const;
  const shown = rows.filter(([, bytes]) => bytes > 0).map(([name, bytes]) => [name, whole.format(bytes)] as const);
  return ['memory      bytes', ...shown.map(([name, bytes]) => `  ${name.padEnd(24)}${bytes.padStart(10)}`)];
}
