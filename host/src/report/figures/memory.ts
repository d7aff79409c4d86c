/** Figures of a device's memories, SRAM and flash, as maps of what they hold. */
import type { MemoryEvent } from '../../runs/events.js';
import { type Charts, seriesColour, shortNumber } from '../charts.js';
import { type AnyFigure, type Cell, placesOf } from '../figure.js';
import type { ReportRun } from '../report-run.js';

/** A part of a memory, in the order of the map. */
interface Part {
  readonly label: string;
  /** null: the device does not know. */
  readonly bytes: number | null;
  /** It holds nothing. */
  readonly free?: true;
}

/** What holds nothing is grey, so that it looks like no part in use; 3:1 and more against both backgrounds. */
const freeColour = '#808080';

function colourOf(part: Part, index: number): string {
  return part.free ? freeColour : seriesColour(index);
}

interface MapTexts {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly missing: string;
}

const sram: MapTexts = {
  id: 'memory',
  title: 'SRAM of the device',
  description:
    'Bytes of SRAM by what they hold. Code in SRAM is what runs from there: kernels, copied out of flash. What is outside the plan and was never touched is free.',
  missing: 'no memory is recorded yet: it comes at the end of a run',
};

const flash: MapTexts = {
  id: 'flash',
  title: 'Flash of the device',
  description: 'Bytes of flash by what they hold. A part of it is set aside for weights that do not fit into SRAM.',
  missing: 'no flash is recorded: there is none in the simulator, and an older priot did not tell its size',
};

/**
 * Returns SRAM by purpose; null where the device does not know: a simulator has no SRAM of its own.
 * @param apart code and static data are two parts
 */
function sramOf({ arena, sramTotal, static: staticBytes, code, stackHighWater }: MemoryEvent, apart: boolean): Part[] {
  const used = Object.values(arena).reduce((sum, bytes) => sum + bytes, 0);
  // an older priot wrote 0 for what the simulator does not have
  const known = sramTotal !== null && sramTotal > 0;
  return [
    ...(apart && code != null && staticBytes !== null
      ? [
          { label: 'code in SRAM', bytes: code },
          { label: 'static data', bytes: staticBytes - code },
        ]
      : [{ label: 'code in SRAM and static data', bytes: known ? staticBytes : null }]),
    { label: 'weights', bytes: arena.weights },
    { label: 'learned state', bytes: arena.state },
    { label: 'activations', bytes: arena.activations },
    { label: 'errors', bytes: arena.errors },
    { label: 'other buffers', bytes: arena.other },
    { label: 'stack, high water', bytes: known ? stackHighWater : null },
    {
      label: 'free',
      bytes: known ? Math.max(0, sramTotal - (staticBytes ?? 0) - (stackHighWater ?? 0) - used) : null,
      free: true,
    },
  ];
}

/** Returns flash by purpose; undefined where its size is not recorded. */
function flashOf({ flash: used, flashImage, flashTotal, flashForWeights }: MemoryEvent): Part[] | undefined {
  if (used === null || flashImage == null || flashTotal == null) return undefined;
  const weights = used - flashImage;
  const aside = Math.max(0, (flashForWeights ?? 0) - weights);
  return [
    { label: 'firmware: code and constants', bytes: flashImage },
    { label: 'weights', bytes: weights },
    { label: 'set aside for weights', bytes: aside },
    { label: 'free, and checkpoints', bytes: Math.max(0, flashTotal - used - aside), free: true },
  ];
}

/** Draws the SRAM of each run's device by purpose. */
export function memoryFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  // the same parts for all: an older priot, and the simulator, do not tell code and data apart
  const apart = runs.every((run) => (run.account.metrics().memory ?? { code: 0 }).code != null);
  return memoryMap(
    charts,
    runs,
    sram,
    (memory) => sramOf(memory, apart),
    (memory) => memory.sramTotal,
  );
}

/** Draws the flash of each run's device by purpose. */
export function flashFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  return memoryMap(charts, runs, flash, flashOf, (memory) => memory.flashTotal ?? null);
}

function memoryMap(
  charts: Charts,
  runs: readonly ReportRun[],
  { id, title, description, missing }: MapTexts,
  partsOf: (memory: MemoryEvent) => Part[] | undefined,
  totalOf: (memory: MemoryEvent) => number | null,
): AnyFigure {
  const shown = runs.flatMap((run) => {
    const { memory } = run.account.metrics();
    const parts = memory === null ? undefined : partsOf(memory);
    return parts === undefined ? [] : [{ run, total: totalOf(memory!), parts }];
  });
  if (shown.length === 0) return { id, title, missing };
  const labels = shown[0]!.parts.map(({ label }) => label);
  const bars = shown.flatMap(({ run, parts }) =>
    parts.flatMap((part, index) => {
      const { label, bytes } = part;
      return bytes === null || bytes === 0 ? [] : [{ run: run.name, label, colour: colourOf(part, index), bytes }];
    }),
  );
  const { plot } = charts;
  return {
    id,
    title,
    description,
    places: placesOf(shown.map(({ run }) => run)),
    chart: charts.draw(
      {
        title,
        description,
        legend: shown[0]!.parts.map((part, index) => ({ label: part.label, colour: colourOf(part, index) })),
      },
      {
        height: 70 + 40 * shown.length,
        marginLeft: shown.length > 1 ? 140 : 20,
        marginRight: 30,
        x: { label: 'bytes', grid: true, ticks: 6, tickFormat: shortNumber },
        y: { label: null, ...(shown.length > 1 ? {} : { axis: null }) },
        color: { type: 'identity' },
        marks: [
          plot.barX(bars, {
            x: 'bytes',
            y: 'run',
            fill: 'colour',
            order: null,
            inset: 0.5,
            title: ({ label, bytes }: (typeof bars)[number]) => `${label}: ${bytes.toLocaleString('en')} bytes`,
          }),
        ],
      },
    ),
    table: {
      columns: ['run', ...labels, 'in all'],
      rows: shown.map(({ run, parts, total }): Cell[] => [run.name, ...parts.map(({ bytes }) => bytes), total || null]),
    },
  };
}
