/** `priot pretrain`: a backbone from scratch, on the host, in integers. */
import { type Command, InvalidArgumentError } from 'commander';
import type { DatasetName } from '../dataset/dataset.js';
import { dataDirOption, datasetOption, integerIn, jsonOption, parseAngle, quietOption } from './options.js';

interface PretrainOptions {
  architecture: string;
  dataset: DatasetName;
  dataDir?: string;
  angle: number;
  samples?: number;
  batchSize: number;
  mu: number[];
  sparsity: number;
  weightBits: number;
  seed: number;
  scoreMu: number;
  gradientMu: number;
  out: string;
  json?: boolean;
  quiet?: boolean;
}

const DEFAULT_MU = '5,4,3,3,2,2,2,1,1';
const CALIBRATION_IMAGES = 1024;

/** One bit width of a step for each epoch. */
function parseMu(text: string): number[] {
  const parts = text.split(',');
  if (parts.some((part) => !/^\d$/.test(part) || part > '7')) {
    throw new InvalidArgumentError('It must be a list of bit widths in 0..7, one an epoch, such as 5,4,3.');
  }
  return parts.map(Number);
}

export function register(program: Command): void {
  program
    .command('pretrain')
    .description('train a backbone from scratch on upright images, on this computer, in integers (NITI)')
    .option('--architecture <file>', 'layers of the network', 'models/architectures/tiny-cnn.json')
    .addOption(datasetOption())
    .addOption(dataDirOption())
    .option('--samples <n>', 'training images (left out: all)', integerIn(1, 1_000_000))
    .option('--batch-size <n>', 'images an update', integerIn(1, 1024), 64)
    .option('--mu <list>', 'bit width of a step, one for each epoch', parseMu, parseMu(DEFAULT_MU))
    .option(
      '--sparsity <n>',
      'penalty on activations of convolutions while steps have 2 bits or more: zeros are what the device skips',
      integerIn(0, 64),
      2,
    )
    .option(
      '--weight-bits <n>',
      'width of the weights, the last layer aside: PRIOT freezes them, and narrow ones are faster on the device',
      integerIn(2, 8),
      5,
    )
    .option('--seed <n>', 'decides initial weights and order', integerIn(0, 999_999), 1)
    .option('--angle <degrees>', 'rotation of the images that the static shifts are calibrated on', parseAngle, 45)
    .option('--score-mu <n>', 'bit width of a score step (priot)', integerIn(0, 7), 5)
    .option('--gradient-mu <n>', 'bit width of a weight step (niti-static)', integerIn(0, 7), 4)
    .requiredOption('--out <folder>', 'network folder to make')
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(run);
}

async function run(options: PretrainOptions): Promise<void> {
  const { parseJson } = await import('../network/network-file.js');
  const { readWhole } = await import('../files.js');
  const { parseArchitecture } = await import('../network/architecture.js');
  const { initialNetwork, pretrain, uprightAccuracy } = await import('../network/pretraining.js');
  const { calibrate } = await import('../network/calibration.js');
  const { narrowWeights } = await import('../network/weight-width.js');
  const { checkNewFolder, writeNetwork } = await import('../network/write-network.js');
  const { listenForInterruption } = await import('./interruption.js');
  const { loadDatasetShown } = await import('./load-dataset.js');
  const { networkProvenance } = await import('./network-provenance.js');
  const { checkImages } = await import('./training-request.js');
  const { resolveModel } = await import('./package-files.js');
  const { Progress } = await import('./progress.js');

  checkNewFolder(options.out);
  const file = resolveModel(options.architecture);
  const architecture = parseArchitecture(parseJson(readWhole(file), file), file);
  const interruption = listenForInterruption('stopping; nothing is written');
  const { signal } = interruption;
  try {
    const quiet = options.quiet ?? false;
    const data = await loadDatasetShown(options.dataset, options.dataDir, signal);
    checkImages(initialNetwork(architecture, options.seed), data);
    const images = { ...data.train, count: Math.min(options.samples ?? data.train.count, data.train.count) };
    const progress = new Progress('pretraining', images.count * options.mu.length, quiet);
    const trained = await pretrain(architecture, images, { ...options, signal }, ({ epoch, images: done, correct }) =>
      progress.update(
        epoch * images.count + done,
        `epoch ${epoch + 1}/${options.mu.length}, training accuracy ${(correct / done).toFixed(4)}`,
      ),
    );
    progress.finish();
    const calibrationImages = { set: data.train, first: 0, count: Math.min(CALIBRATION_IMAGES, data.train.count) };
    const narrow = narrowWeights(trained, options.weightBits);
    const network = await calibrate(narrow, { ...calibrationImages, angle: options.angle }, options, signal);
    const accuracy = await uprightAccuracy(network, data.test, signal);
    writeNetwork(options.out, network, {
      ...networkProvenance(data.provenance),
      accuracy: { images: data.test.name, count: data.test.count, upright: accuracy, shifts: 'dynamic' },
    });
    const summary = { model: options.out, edges: network.weights.length, images: data.test.count, accuracy };
    process.stdout.write(
      options.json
        ? `${JSON.stringify(summary, null, 2)}\n`
        : `${options.out}: ${summary.edges} edges, accuracy ${accuracy.toFixed(4)} on ${data.test.count} upright images of ${data.test.name}\n`,
    );
  } finally {
    interruption.dispose();
  }
}
