/** `priot train`: a session on a device, into a run folder; a resumed one, or one repeated from its run folder. */
import { type Command, Option } from 'commander';
import { deviceOption, faultsOption, jsonOption, quietOption } from './options.js';
import { addTrainingOptions } from './train-options.js';
import type { TrainOptions } from './training-run.js';

export function register(program: Command): void {
  const command = program
    .command('train')
    .description('train a network on rotated images, on a device')
    .addOption(deviceOption());
  const decidedByRun = addTrainingOptions(command);
  command
    .option('--out <folder>', 'run folder to make (left out: runs/<time>-<data>-<angle>-<method>)')
    .addOption(
      new Option('--resume <run>', 'go on with an interrupted run').conflicts([...decidedByRun, 'out', 'fromRun']),
    )
    .addOption(new Option('--from-run <run>', 'repeat a run exactly, in a new folder').conflicts(decidedByRun))
    .option('--device-checkpoint', 'the device, too, keeps a checkpoint in its flash after every epoch')
    .addOption(
      new Option(
        '--from-device-checkpoint',
        "go on from the device's checkpoint of this very session, from whatever host it was begun, with the same options",
      ).conflicts('resume'),
    )
    .addOption(faultsOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(train);
}

async function train(options: TrainOptions): Promise<void> {
  const { listenForInterruption } = await import('./interruption.js');
  const { InputStore } = await import('./run-inputs.js');
  const { resumeRun, startRun } = await import('./training-run.js');
  const { TrainingProgress } = await import('./training-progress.js');
  const { formatSummary } = await import('./training-report.js');
  const interruption = listenForInterruption('stopping after the steps in flight');
  const { signal } = interruption;
  const surroundings = {
    inputs: new InputStore(),
    reporter: new TrainingProgress(options.quiet === true),
    command: process.argv.slice(2),
  };
  try {
    const { summary, memory } = await (options.resume === undefined
      ? startRun(options, signal, surroundings)
      : resumeRun(options, options.resume, signal, surroundings));
    const text = options.json ? JSON.stringify(summary, null, 2) : formatSummary(summary, memory).join('\n');
    process.stdout.write(`${text}\n`);
  } finally {
    interruption.dispose();
  }
}
