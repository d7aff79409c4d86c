/** `priot train`: a session on a device, into a run folder; a resumed one, or one repeated from its run folder. */
import { type Command, Option } from 'commander';
import { type TrainOptions, trainOptions } from '../options/train.js';
import { trainingOptions } from '../options/training.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program.command('train').description('train a network on rotated images, on a device');
  addOptions(command, trainOptions);
  command
    .addOption(
      new Option('--resume <run>', 'go on with an interrupted run').conflicts([
        ...Object.keys(trainingOptions),
        'out',
        'fromRun',
        'fromDeviceCheckpoint',
      ]),
    )
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(trainCommand);
}

async function trainCommand(words: TrainOptions & TerminalOptions & { resume?: string }): Promise<void> {
  const { resume, train } = await import('../sessions/train.js');
  const { runVerb } = await import('./run-verb.js');
  const { TrainingProgress } = await import('./training-progress.js');
  const { formatSummary } = await import('./text/summary.js');
  const { resume: run, json, quiet, ...options } = words;
  const terminal = { ...(json && { json }), ...(quiet && { quiet }) };
  let progress: InstanceType<typeof TrainingProgress> | undefined;
  await runVerb(
    terminal,
    'stopping after the steps in flight',
    (context, display) => {
      progress = new TrainingProgress(display);
      const shown = { ...context, onEvent: progress.show };
      return run === undefined ? train(options, shown) : resume({ ...options, run }, shown);
    },
    (summary) => formatSummary(summary, progress?.memory ?? null),
  );
}
