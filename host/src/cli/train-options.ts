/** The options of `priot train` that say what is trained: those of the command, and the parameters of a sweep. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../errors.js';
import { calibrationSources, edgeSelections, trainingMethodNames } from '../training/method-request.js';
import { parseNarrowing } from '../training/narrowing.js';
import { parsePermille } from '../training/score-budget.js';
import {
  angleOption,
  belowThresholdOption,
  dataDirOption,
  datasetOption,
  epochsOption,
  evalSamplesOption,
  integerIn,
  memoryOption,
  modelOption,
  samplesOption,
  seedOption,
} from './options.js';
import { defaultModel } from './package-files.js';
import type { TrainOptions } from './training-run.js';

const MAX_CORRECTION = 8;
const evalSets = ['test', 'held-out'] as const;

/** Permille. */
function parseShare(text: string): number {
  const permille = parsePermille(text);
  if (permille === undefined || permille === 0) {
    throw new InvalidArgumentError('It must be a share above 0 and up to 1, with at most three decimals, as 0.1.');
  }
  return permille;
}

/** The text, for the run folder, once it is known to be right. */
function checkNarrowing(text: string): string {
  if (parseNarrowing(text) === undefined) {
    throw new InvalidArgumentError('It must be a list of ascending numbers of epochs, as 16,24.');
  }
  return text;
}

/** Options that a run folder decides when a run is resumed or repeated. */
const trainingOptions = (): Option[] => [
  modelOption(defaultModel),
  datasetOption(),
  angleOption(),
  new Option('--method <name>', 'how edges are learned').choices(trainingMethodNames).default('priot'),
  belowThresholdOption(),
  new Option('--threshold <n>', 'edges whose score is below are pruned (left out: priot -64, priot-s -32)').argParser(
    integerIn(-128, 127),
  ),
  new Option(
    '--calibrate <on>',
    "static shifts from upright images (source), from those to be learned (transfer), or the network file's (none; left out: transfer)",
  ).choices(calibrationSources),
  new Option(
    '--mu <n>',
    'bit width of a step (left out: priot 5, or 4 after source calibration; priot-s 3, or 4 from 15 % scored on; niti-static 4; niti-dynamic 3)',
  ).argParser(integerIn(0, 7)),
  new Option(
    '--narrow <epochs>',
    'steps are a bit narrower after so many epochs, and another bit after so many, as 16,24 (left out: never)',
  ).argParser(checkNarrowing),
  new Option(
    '--last-error-correction <n>',
    "what calibration adds to the last layer's error shift (left out: -3)",
  ).argParser(integerIn(-MAX_CORRECTION, MAX_CORRECTION)),
  new Option(
    '--first-score-correction <n>',
    "priot, priot-s: what calibration adds to the first layer's score shift (left out: 2)",
  ).argParser(integerIn(-MAX_CORRECTION, MAX_CORRECTION)),
  new Option('--scored <share>', 'priot-s: edges with scores, of all edges (left out: 0.1)').argParser(parseShare),
  new Option('--select <how>', 'priot-s: the edges of largest weight, or random ones (left out: magnitude)').choices(
    edgeSelections,
  ),
  new Option(
    '--budget <shares>',
    'priot-s: how scores are spread over layers: auto, uniform, or conv1=1,conv2=0.5,... (left out: auto; uniform for random edges)',
  ),
  samplesOption(),
  epochsOption(),
  seedOption(),
  evalSamplesOption('1,000 after each epoch, and all before the first and after the last'),
  new Option('--eval-every <n>', 'epochs from one evaluation to the next; the last one always counts').argParser(
    integerIn(1, 1000),
  ),
  new Option(
    '--eval-set <name>',
    'what accuracy is measured on: test images, or training images held out to choose options by (left out: test)',
  ).choices(evalSets),
  memoryOption(),
];

/** Adds them to the command; returns their names in the parsed options. */
export function addTrainingOptions(command: Command): string[] {
  const options = trainingOptions();
  for (const option of options) command.addOption(option);
  command.addOption(dataDirOption());
  return options.map((option) => option.attributeName());
}

/** Long names of all parameters of a sweep, without dashes in front. */
export function sweepParameterNames(): string[] {
  return trainingOptions().map((option) => option.name());
}

/** Parses the words of a command line such as `--angle 45`. @throws UsageError OPTION_REFUSED */
export function parseTrainingOptions(words: readonly string[]): TrainOptions {
  const command = new Command('train').exitOverride().configureOutput({ writeErr: () => {} });
  addTrainingOptions(command);
  try {
    return command.parse(words, { from: 'user' }).opts<TrainOptions>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new UsageError('OPTION_REFUSED', error.message.replace(/^error: /, ''), 'see: priot train --help');
  }
}
