/** `npm run bench [-- NAME…]`: how fast the host's own parts are, each beside a yardstick of the same run. */
import { formatTable } from '#host/table.js';

/** A figure and what it is held against. */
interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** value / that of the yardstick, and what the yardstick is. */
  readonly ratio?: readonly [ratio: number, yardstick: string];
}

const benchmarks: Record<string, () => Promise<Figure[]>> = {
  simulator: async () => {
    const { measureSimulatorSpeed } = await import('./simulator-speed.js');
    const { stepsPerSecond, activeShare } = await measureSimulatorSpeed({ epochs: 4 });
    const what = `PRIOT training, ${Math.round(activeShare * 100)} % of the steps active`;
    return [{ what, value: stepsPerSecond, unit: 'steps/s' }];
  },
  vgg11: async () => {
    const { measureVgg11Speed } = await import('./vgg11-speed.js');
    const quarter = await measureVgg11Speed();
    const full = await measureVgg11Speed({ width: 4, steps: 4 });
    const perEdge = full.stepMs / full.edges / (quarter.stepMs / quarter.edges);
    return [
      {
        what: 'VGG11 of quarter width, steps of PRIOT in the simulator',
        value: 1000 / quarter.stepMs,
        unit: 'steps/s',
      },
      {
        what: 'the same of full width, random weights',
        value: 1000 / full.stepMs,
        unit: 'steps/s',
        ratio: [1 / perEdge, "the quarter's edges per second"],
      },
    ];
  },
  emulator: async () => {
    const { measureEmulatorSpeed } = await import('./emulator-speed.js');
    const { fastMegahertz, libraryMegahertz, ratio } = await measureEmulatorSpeed();
    return [
      { what: 'training steps', value: fastMegahertz, unit: 'emulated MHz', ratio: [ratio, "rp2040js's own core"] },
      { what: "the same on rp2040js's own core", value: libraryMegahertz, unit: 'emulated MHz' },
    ];
  },
  frames: async () => {
    const { measureFrameSpeed } = await import('./frame-speed.js');
    const { encodeMegabytes: encode, decodeMegabytes: decode, crcMegabytes: crc } = measureFrameSpeed();
    return [
      { what: 'encoding of step frames', value: encode, unit: 'MB/s', ratio: [encode / crc, 'their CRC-32 alone'] },
      { what: 'decoding of step frames', value: decode, unit: 'MB/s', ratio: [decode / crc, 'their CRC-32 alone'] },
    ];
  },
  rotation: async () => {
    const { measureRotationSpeed } = await import('./rotation-speed.js');
    const { imagesPerSecond, unrotatedPerSecond } = await measureRotationSpeed();
    const ratio = [imagesPerSecond / unrotatedPerSecond, 'halving the pixels alone'] as const;
    return [{ what: 'rotation of 28 x 28 images', value: imagesPerSecond, unit: 'images/s', ratio }];
  },
};

/** Benchmarks that take long, or (fleet) need redis-server: only by name. */
const onlyByName: Record<string, () => Promise<Figure[]>> = {
  'fleet-many': async () => {
    const { measureMany } = await import('./fleet-speed.js');
    const { enqueueSeconds, listSeconds } = await measureMany();
    return [
      { what: '10,000 cells: checked and put on the queue', value: enqueueSeconds, unit: 's' },
      { what: '10,000 cells: listed', value: 1000 * listSeconds, unit: 'ms' },
    ];
  },
  'fleet-overhead': async () => {
    const { measureOverhead } = await import('./fleet-speed.js');
    const { share, cellSeconds } = await measureOverhead();
    const ratio = [share, 'the time of a cell'] as const;
    return [{ what: 'what a queue adds to a cell', value: 1000 * share * cellSeconds, unit: 'ms', ratio }];
  },
  'fleet-beside': async () => {
    const { measureSideBySide } = await import('./fleet-speed.js');
    const figures: Figure[] = [];
    // Sessions of a quarter of a second and of a second.
    for (const session of [
      { samples: 256, epochs: 4 },
      { samples: 512, epochs: 9 },
    ]) {
      const { local, queued, sweepSeconds } = await measureSideBySide(session);
      const each = `64 cells of ${session.samples * session.epochs} steps by 2 worker processes`;
      const beside = (what: string, unit: string, value: number, than: number): Figure => {
        return { what: `${each}${what}`, value, unit, ratio: [value / than, 'the local sweep with 2 workers'] };
      };
      figures.push(
        beside(', their start included', 's', queued.wallSeconds, local.wallSeconds),
        beside(' that are there', 's', sweepSeconds, local.wallSeconds),
        beside(', processor time', 's', queued.processorSeconds, local.processorSeconds),
      );
    }
    return figures;
  },
  'fleet-memory': async () => {
    const { measureMemory } = await import('./fleet-speed.js');
    const found = await measureMemory();
    const first = found[0]!;
    return found.slice(1).map(({ cells, bytes }) => {
      const ratio = [bytes / first.bytes, `that after ${first.cells}`] as const;
      return { what: `memory of a worker after ${cells} cells`, value: bytes / 1e6, unit: 'MB', ratio };
    });
  },
  pages: async () => {
    const { measurePageSpeed } = await import('./page-speed.js');
    const measured = await measurePageSpeed();
    const most = (what: string, value: number, unit: string, limit: number): Figure => {
      return { what, value, unit, ratio: [value / limit, `the ${limit} ${unit} that it may be`] };
    };
    return [
      most('report of 30,720 steps, processor time', measured.reportSeconds, 's', 3),
      most('its size', measured.reportMegabytes, 'MB', 2),
      most('list of 1,000 runs, the first, processor time', measured.firstListSeconds, 's', 1),
      most('list of 1,000 runs, again, processor time', measured.listSeconds, 's', 1),
      most('memory of its server, the most', measured.serverMegabytes, 'MB', 300),
      most('from a line in metrics.jsonl to the figures, wall time', measured.updateSeconds, 's', 2),
    ];
  },
  observers: async () => {
    const { measureObserverSpeed } = await import('./observer-speed.js');
    const { plain, tracked, shown } = await measureObserverSpeed();
    const unit = "steps/s of the session's thread";
    return [
      { what: 'session on the simulator', value: plain, unit },
      { what: 'with three trackers', value: tracked, unit, ratio: [tracked / plain, 'that session'] },
      { what: 'with a live page that is open', value: shown, unit, ratio: [shown / plain, 'that session'] },
    ];
  },
};

async function main(names: readonly string[]): Promise<void> {
  const all = { ...benchmarks, ...onlyByName };
  const unknown = names.find((name) => !Object.hasOwn(all, name));
  if (unknown !== undefined) {
    process.stderr.write(`error: no benchmark ${unknown}; there are ${Object.keys(all).join(', ')}\n`);
    process.exitCode = 2;
    return;
  }
  const rows: string[][] = [];
  for (const name of names.length > 0 ? names : Object.keys(benchmarks)) {
    process.stderr.write(`${name} ...\n`);
    for (const { what, value, unit, ratio } of await all[name]!()) {
      const digits = value < 10 ? 3 : value < 1000 ? 1 : 0;
      const figure = `${value.toLocaleString('en-US', { maximumFractionDigits: digits })} ${unit}`;
      rows.push([name, what, figure, ratio === undefined ? '' : `${ratio[0].toFixed(3)} times ${ratio[1]}`]);
    }
  }
  process.stdout.write(`${formatTable(['benchmark', 'what', 'figure', 'ratio'], rows, 'text').join('\n')}\n`);
  process.stdout.write(
    'per second of processor time where nothing else is said; other work on the machine makes figures worse, ratios of one run less so\n',
  );
}

await main(process.argv.slice(2));
