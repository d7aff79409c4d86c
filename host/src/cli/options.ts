/** Options that several commands share, and the parsers that check their values. */
import { InvalidArgumentError, Option } from 'commander';
import { type DatasetName, datasetNames } from '../dataset/dataset.js';
import { parseFaults } from '../device/faulty/faults.js';

/** Parses an integer in minimum..maximum, in decimal digits. */
export function integerIn(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`It must be an integer in ${minimum}..${maximum}.`);
    }
    return value;
  };
}

/** Parses degrees in -360..360. */
export function parseAngle(text: string): number {
  const value = Number(text);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) || Math.abs(value) > 360) {
    throw new InvalidArgumentError('It must be a number of degrees in -360..360.');
  }
  return value;
}

/** Largest seed whose images could exist in any data set here, and below 2^32. */
const MAX_SEED = 999_999;
const MAX_SAMPLES = 1_000_000;

export const deviceOption = () =>
  new Option(
    '--device <name>',
    'emulator, simulator, or a port such as /dev/ttyACM0 or COM3 (left out: the one priot board that is plugged in, else the emulator)',
  );

export const modelOption = (fallback: string) =>
  new Option('--model <folder>', 'network: network.json and weights.bin').default(fallback);

export const datasetOption = () =>
  new Option('--dataset <name>', 'images to train and test on').choices(datasetNames).default('mnist' as DatasetName);

export const dataDirOption = () =>
  new Option('--data-dir <folder>', 'folder of data sets (left out: $PRIOT_DATA, the cache, then a download)');

export const angleOption = () =>
  new Option('--angle <degrees>', 'rotation of all images, counter-clockwise').argParser(parseAngle).default(45);

export const belowThresholdOption = () =>
  new Option(
    '--below-threshold <rule:layers>',
    'what pruned edges become, as negate:fc1, or negate for all layers (left out: as the network has it)',
  );

export const samplesOption = () =>
  new Option('--samples <n>', 'training images an epoch').argParser(integerIn(1, MAX_SAMPLES)).default(1024);

export const epochsOption = () =>
  new Option('--epochs <n>', 'passes over the training images').argParser(integerIn(1, 1000)).default(1);

export const seedOption = () =>
  new Option('--seed <n>', 'decides initial scores, order, and which training images')
    .argParser(integerIn(0, MAX_SEED))
    .default(0);

export const evalSamplesOption = (otherwise: string) =>
  new Option('--eval-samples <n>', `the first n test images (left out: ${otherwise})`).argParser(
    integerIn(1, MAX_SAMPLES),
  );

/** A test aid (docs/robustness.md). */
export const faultsOption = () =>
  new Option('--faults <rates>', 'test aid: a faulty line to the device, as seed=9,drop=0.02,reset=0.002')
    .argParser(parseFaults)
    .hideHelp();

export const jsonOption = () => new Option('--json', 'print one JSON document on stdout and nothing else there');

export const quietOption = () => new Option('--quiet', 'no progress on stderr');

export const memoryOption = () =>
  new Option('--memory <bytes>', "most bytes of the device's arena to plan with (left out: all)").argParser(
    integerIn(1, 2 ** 31),
  );
