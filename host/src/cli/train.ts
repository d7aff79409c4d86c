/** `priot train`: a session on a device, into a run folder; a resumed one, or one repeated from its run folder. */
import { type Command, Option } from 'commander';
import {
  angleOption,
  belowThresholdOption,
  dataDirOption,
  datasetOption,
  deviceOption,
  epochsOption,
  evalSamplesOption,
  jsonOption,
  modelOption,
  quietOption,
  samplesOption,
  seedOption,
} from './options.js';
import { defaultModel } from './package-files.js';
import { trainingMethodNames } from './training-methods.js';
import type { TrainOptions } from './training-run.js';

/** Options that a run folder decides. */
const decidedByRun = [
  'model',
  'dataset',
  'angle',
  'method',
  'belowThreshold',
  'samples',
  'epochs',
  'seed',
  'evalSamples',
];

export function register(program: Command): void {
  program
    .command('train')
    .description('train a network on rotated images, on a device')
    .addOption(deviceOption())
    .addOption(modelOption(defaultModel))
    .addOption(datasetOption())
    .addOption(dataDirOption())
    .addOption(angleOption())
    .addOption(new Option('--method <name>', 'how edges are learned').choices(trainingMethodNames).default('priot'))
    .addOption(belowThresholdOption())
    .addOption(samplesOption())
    .addOption(epochsOption())
    .addOption(seedOption())
    .addOption(evalSamplesOption('1,000 after each epoch, and all before the first and after the last'))
    .option('--out <folder>', 'run folder to make (left out: runs/<time>-<data>-<angle>-<method>)')
    .addOption(
      new Option('--resume <run>', 'go on with an interrupted run').conflicts([...decidedByRun, 'out', 'fromRun']),
    )
    .addOption(new Option('--from-run <run>', 'repeat a run exactly, in a new folder').conflicts(decidedByRun))
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(train);
}

async function train(options: TrainOptions): Promise<void> {
  const { listenForInterruption } = await import('./interruption.js');
  const { resumeRun, startRun } = await import('./training-run.js');
  const { formatSummary } = await import('./training-report.js');
  const interruption = listenForInterruption('stopping after the steps in flight');
  const { signal } = interruption;
  try {
    const { summary, memory } = await (options.resume === undefined
      ? startRun(options, signal)
      : resumeRun(options, options.resume, signal));
    const text = options.json ? JSON.stringify(summary, null, 2) : formatSummary(summary, memory).join('\n');
    process.stdout.write(`${text}\n`);
  } finally {
    interruption.dispose();
  }
}
