/** `priot eval`: accuracy of a network on a device, with or without a learned state. */
import type { Command } from 'commander';
import { type EvaluateOptions, evaluateOptions } from '../options/measure.js';
import type { EvaluatingEvent } from '../sessions/evaluate.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('eval')
    .description('accuracy of a network on rotated test images, frozen or with a learned state');
  addOptions(command, evaluateOptions);
  command.addOption(jsonOption()).addOption(quietOption()).action(evaluateCommand);
}

/** `mnist test at 45 degrees, noise:20` */
function imagesText({ imageSet, shifts }: EvaluatingEvent): string {
  const [first = '', ...others] = shifts;
  const degrees = /^rotate:(.*)$/.exec(first)?.[1];
  const rest = degrees === undefined ? shifts : others;
  return [`${imageSet} at ${degrees ?? 0} degrees`, ...rest].join(', ');
}

async function evaluateCommand({ json, quiet, ...options }: EvaluateOptions & TerminalOptions): Promise<void> {
  const { evaluate } = await import('../sessions/evaluate.js');
  const { runVerb } = await import('./run-verb.js');
  let what = '';
  await runVerb(
    { json, quiet },
    'stopping',
    (context, { show }) =>
      evaluate(options, {
        ...context,
        onEvent(event) {
          if (event.type !== 'evaluating') return show(event);
          what = [imagesText(event), event.frozen ? 'frozen network' : 'learned state'].join(', ');
        },
      }),
    ({ accuracy, correct, images, place }) =>
      `accuracy ${accuracy.toFixed(4)}: ${correct} of ${images} images of ${what}, ${place}`,
  );
}
