/** The figure of cycles by layer and phase, beside the plain-C yardstick where a benchmark is given. */
import type { LayerCyclesEvent } from '../../runs/events.js';
import { type Charts, seriesColour, shortNumber } from '../charts.js';
import { type AnyFigure, placesOf } from '../figure.js';
import type { ReportRun } from '../report-run.js';

const phases = ['forward', 'requantise', 'loss', 'error', 'update'] as const;

/** Cycles of one layer and phase, as a benchmark measured them with plain kernels. */
export interface YardstickEntry {
  readonly layer: string;
  readonly phase: string;
  readonly cycles: number;
}

/** Draws mean cycles of sampled active steps as stacked bars, a bar per layer. */
export function layersFigure(
  charts: Charts,
  runs: readonly ReportRun[],
  yardstick: readonly YardstickEntry[] = [],
): AnyFigure {
  const id = 'layers';
  const title = 'Cycles by layer and phase';
  const measured = runs.flatMap((run) => {
    const event = run.account.events().findLast((one): one is LayerCyclesEvent => one.type === 'layers');
    return (event?.layers ?? []).flatMap(({ name, cycles }) =>
      phases.map((phase, index) => ({
        run: run.name,
        layer: name,
        phase: phase as string,
        colour: seriesColour(index),
        cycles: cycles[phase],
        steps: event!.steps,
      })),
    );
  });
  if (measured.length === 0) {
    return { id, title, missing: 'this run records no cycles by layer: no cycle counter, or an older priot made it' };
  }
  const plain = yardstick.map(({ layer, phase, cycles }) => ({
    run: 'plain C',
    layer,
    phase,
    colour: seriesColour(Math.max(0, (phases as readonly string[]).indexOf(phase))),
    cycles,
    steps: null,
  }));
  const rows = [...measured, ...plain].filter(({ cycles }) => cycles > 0);
  const description = `Mean compute cycles of active training steps (those with a backward pass) by layer and phase: those sampled in the last epoch${
    yardstick.length > 0 ? ', beside the plain C kernels as a benchmark measured them' : ''
  }. Kernels that requantise on the way book it as forward.`;
  const { plot } = charts;
  const names = [...new Set(rows.map(({ run }) => run))];
  const layers = [...new Set(rows.map(({ layer }) => layer))];
  return {
    id,
    title,
    description,
    places: placesOf(runs),
    chart: charts.draw(
      { title, description, legend: phases.map((label, index) => ({ label, colour: seriesColour(index) })) },
      {
        height: 70 + names.length * (layers.length * 24 + 16),
        marginLeft: 110,
        marginRight: names.length > 1 ? 130 : 20,
        x: { label: 'cycles', grid: true, ticks: 6, tickFormat: shortNumber },
        y: { label: null, domain: layers },
        fy: { label: null, domain: names },
        color: { type: 'identity' },
        marks: [
          plot.barX(rows, {
            x: 'cycles',
            y: 'layer',
            fill: 'colour',
            order: null,
            ...(names.length > 1 ? { fy: 'run' } : {}),
            title: ({ layer, phase, cycles }: (typeof rows)[number]) =>
              `${layer}, ${phase}: ${Math.round(cycles).toLocaleString('en')} cycles`,
          }),
          plot.ruleX([0]),
        ],
      },
    ),
    table: {
      columns: ['run', 'layer', 'phase', 'mean cycles', 'steps sampled'],
      rows: rows.map(({ run, layer, phase, cycles, steps }) => [run, layer, phase, Math.round(cycles), steps]),
    },
  };
}
