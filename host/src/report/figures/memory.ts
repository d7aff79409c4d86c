/** The figure of a device's SRAM, as a map of what it holds. */
import type { MemoryEvent } from '../../runs/events.js';
import { type Charts, seriesColour } from '../charts.js';
import { type AnyFigure, type Cell, placesOf } from '../figure.js';
import type { ReportRun } from '../report-run.js';

const purposes = ['static', 'weights', 'state', 'activations', 'errors', 'other', 'stack', 'free'] as const;
type Purpose = (typeof purposes)[number];

const labels: Readonly<Record<Purpose, string>> = {
  static: 'static data and code in SRAM',
  weights: 'weights',
  state: 'learned state',
  activations: 'activations',
  errors: 'errors',
  other: 'other buffers',
  stack: 'stack, high water',
  free: 'free',
};

/** Returns bytes by purpose; null where the device does not know: a simulator has no SRAM of its own. */
function bytesOf({
  arena,
  sramTotal,
  static: staticBytes,
  stackHighWater,
}: MemoryEvent): Record<Purpose, number | null> {
  const used = Object.values(arena).reduce((sum, bytes) => sum + bytes, 0);
  // an older priot wrote 0 for what the simulator does not have
  const known = sramTotal !== null && sramTotal > 0;
  return {
    static: known ? staticBytes : null,
    ...arena,
    stack: known ? stackHighWater : null,
    free: known ? Math.max(0, sramTotal - (staticBytes ?? 0) - (stackHighWater ?? 0) - used) : null,
  };
}

/** Draws the SRAM of each run's device by purpose. */
export function memoryFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  const id = 'memory';
  const title = 'Memory of the device';
  const shown = runs.flatMap((run) => {
    const { memory } = run.account.metrics();
    return memory === null ? [] : [{ run, memory, bytes: bytesOf(memory) }];
  });
  if (shown.length === 0) return { id, title, missing: 'no memory is recorded yet: it comes at the end of a run' };
  const bars = shown.flatMap(({ run, bytes }) =>
    purposes.flatMap((purpose, index) => {
      const amount = bytes[purpose];
      return amount === null ? [] : [{ run: run.name, purpose, colour: seriesColour(index), bytes: amount }];
    }),
  );
  const description = 'Bytes of SRAM by what they hold. What is outside the plan and was never touched is free.';
  const { plot } = charts;
  return {
    id,
    title,
    description,
    places: placesOf(runs),
    chart: charts.draw(
      {
        title,
        description,
        legend: purposes.map((purpose, index) => ({ label: labels[purpose], colour: seriesColour(index) })),
      },
      {
        height: 70 + 40 * shown.length,
        marginLeft: shown.length > 1 ? 140 : 20,
        x: { label: 'bytes', grid: true },
        y: { label: null, ...(shown.length > 1 ? {} : { axis: null }) },
        color: { type: 'identity' },
        marks: [plot.barX(bars, { x: 'bytes', y: 'run', fill: 'colour', order: null, inset: 0.5 })],
      },
    ),
    table: {
      columns: ['run', ...purposes.map((purpose) => labels[purpose]), 'SRAM there is', 'flash in use'],
      rows: shown.map(({ run, memory, bytes }): Cell[] => [
        run.name,
        ...purposes.map((purpose) => bytes[purpose]),
        memory.sramTotal || null,
        memory.flash || null,
      ]),
    },
  };
}
