/** `priot train`: a session on a device, into a run folder; a resumed one, or one repeated from its run folder. */
import { type Command, Option } from 'commander';
import { uiOptions } from '../options/show.js';
import { type TrainOptions, trainOptions } from '../options/train.js';
import { trainingOptions } from '../options/training.js';
import type { TrainEvent } from '../sessions/events.js';
import { addOptions, argumentParser, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

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
    .addOption(
      new Option(
        '--ui [port]',
        "serve the run's live page on 127.0.0.1 while it goes on, and until the page is closed or Ctrl-C (left out: 8020, or any that is free)",
      ).argParser(argumentParser(uiOptions.port)),
    )
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(trainCommand);
}

interface OwnOptions extends TerminalOptions {
  resume?: string;
  /** true: any port. */
  ui?: number | true;
}

async function trainCommand(words: TrainOptions & OwnOptions): Promise<void> {
  const { resume, train } = await import('../sessions/train.js');
  const { runVerb } = await import('./run-verb.js');
  const { TrainingProgress } = await import('./training-progress.js');
  const { formatSummary } = await import('./text/summary.js');
  const { resume: run, json, quiet, ui, ...options } = words;
  const terminal = { ...(json && { json }), ...(quiet && { quiet }) };
  const { TrainingPage } = await import('./training-page.js');
  const page = ui === undefined ? undefined : new TrainingPage(ui);
  let progress: InstanceType<typeof TrainingProgress> | undefined;
  const training = runVerb(
    terminal,
    'stopping after the steps in flight',
    (context, display) => {
      progress = new TrainingProgress(display);
      const { show } = progress;
      const onEvent = (event: TrainEvent) => {
        show(event);
        if (event.type === 'run') page?.open(event.run, (text) => display.warn(text));
      };
      const shown = { ...context, onEvent };
      return run === undefined ? train(options, shown) : resume({ ...options, run }, shown);
    },
    (summary) => formatSummary(summary, progress?.memory ?? null),
  );
  try {
    await training;
    await page?.untilClosed();
  } finally {
    await page?.close();
  }
}
