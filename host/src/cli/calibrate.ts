/** `priot calibrate`: static shifts for a network, from sample images. */
import { type Command, Option } from 'commander';
import type { DatasetName } from '../dataset/dataset.js';
import {
  angleOption,
  dataDirOption,
  datasetOption,
  integerIn,
  jsonOption,
  modelOption,
  quietOption,
  samplesOption,
  seedOption,
} from './options.js';
import { defaultModel } from './package-files.js';

interface CalibrateOptions {
  model: string;
  dataset: DatasetName;
  dataDir?: string;
  calibrate: 'source' | 'transfer';
  angle: number;
  samples: number;
  seed: number;
  scoreMu: number;
  gradientMu: number;
  out: string;
  json?: boolean;
  quiet?: boolean;
}

export function register(program: Command): void {
  program
    .command('calibrate')
    .description('choose static shifts for a network, from upright (source) or rotated (transfer) images')
    .addOption(modelOption(defaultModel))
    .addOption(datasetOption())
    .addOption(dataDirOption())
    .addOption(
      new Option('--calibrate <on>', 'source: upright images; transfer: the images to be learned, at --angle')
        .choices(['source', 'transfer'])
        .default('transfer'),
    )
    .addOption(angleOption())
    .addOption(samplesOption())
    .addOption(seedOption())
    .option('--score-mu <n>', 'bit width of a score step (priot)', integerIn(0, 7), 5)
    .option('--gradient-mu <n>', 'bit width of a weight step (niti-static)', integerIn(0, 7), 4)
    .requiredOption('--out <folder>', 'network folder to make')
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(run);
}

async function run(options: CalibrateOptions): Promise<void> {
  const { loadNetwork } = await import('../network/network-file.js');
  const { calibrate } = await import('../network/calibration.js');
  const { checkNewFolder, writeNetwork } = await import('../network/write-network.js');
  const { checkImages, firstTrainingImage } = await import('./training-request.js');
  const { listenForInterruption } = await import('./interruption.js');
  const { loadDatasetShown } = await import('./load-dataset.js');
  const { networkProvenance } = await import('./network-provenance.js');
  const { resolveModel } = await import('./package-files.js');
  const { Progress } = await import('./progress.js');

  checkNewFolder(options.out);
  const { network } = loadNetwork(resolveModel(options.model));
  const interruption = listenForInterruption('stopping; nothing is written');
  const { signal } = interruption;
  try {
    const data = await loadDatasetShown(options.dataset, options.dataDir, signal);
    checkImages(network, data);
    const images = {
      set: data.train,
      first: firstTrainingImage(data.train, options.seed, options.samples),
      count: options.samples,
      angle: options.calibrate === 'source' ? 0 : options.angle,
    };
    const progress = new Progress('calibrating', options.samples, options.quiet ?? false);
    const calibrated = await calibrate(network, images, options, signal, (done) => progress.update(done));
    progress.finish();
    writeNetwork(options.out, calibrated, networkProvenance(data.provenance));
    const layers = calibrated.layers.map(({ name, shifts }) => ({ name, ...shifts }));
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ model: options.out, layers }, null, 2)}\n`
        : `${options.out}\n${layers.map((layer) => `  ${JSON.stringify(layer)}`).join('\n')}\n`,
    );
  } finally {
    interruption.dispose();
  }
}
