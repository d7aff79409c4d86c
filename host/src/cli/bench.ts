/** `priot bench`: cycles per phase and per layer, cycles a multiply-accumulate, bytes of SRAM and flash. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DatasetName } from '../dataset/dataset.js';
import type { MethodName } from '../network/network.js';
import type { KernelName } from '../network/open-network.js';
import {
  angleOption,
  dataDirOption,
  datasetOption,
  deviceOption,
  integerIn,
  jsonOption,
  memoryOption,
  modelOption,
  quietOption,
} from './options.js';
import { defaultModel } from './package-files.js';

export interface BenchOptions {
  device?: string;
  model: string;
  dataset: DatasetName;
  dataDir?: string;
  angle: number;
  method: MethodName[];
  kernels: KernelChoice[];
  steps: number;
  warmUp?: number;
  repeats?: number;
  memory?: number;
  xip: boolean;
  json?: true;
  markdown?: true;
  compare?: string;
  tolerance: number;
  quiet?: true;
}

const methodChoices: readonly MethodName[] = ['priot', 'priot-s', 'niti-static', 'niti-dynamic'];
/** `m0plus` and `simd` are `fastest` on the device that has them. */
const kernelChoices = ['fastest', 'm0plus', 'simd', 'plain', 'dense'] as const;
export type KernelChoice = (typeof kernelChoices)[number];

export function kernelName(choice: KernelChoice): KernelName {
  return choice === 'm0plus' || choice === 'simd' ? 'fastest' : choice;
}

export function register(program: Command): void {
  program
    .command('bench')
    .description('cycles and bytes of a training step, by layer and phase')
    .addOption(deviceOption())
    .addOption(modelOption(defaultModel))
    .addOption(datasetOption())
    .addOption(dataDirOption())
    .addOption(angleOption())
    .addOption(
      new Option('--method <list>', 'methods, with commas between them')
        .argParser(listOf(methodChoices))
        .default(methodChoices, methodChoices.join(',')),
    )
    .addOption(
      new Option(
        '--kernels <list>',
        'fastest (m0plus on a Pico, simd in the simulator), plain, dense (plain, and skips nothing)',
      )
        .argParser(listOf(kernelChoices))
        .default(['fastest'], 'fastest'),
    )
    .addOption(new Option('--steps <n>', 'steps to measure').argParser(integerIn(1, 1_000_000)).default(128))
    .addOption(
      new Option(
        '--warm-up <n>',
        'steps before them, on a network opened anew (left out: 8; none in the emulator)',
      ).argParser(integerIn(0, 1_000_000)),
    )
    .addOption(
      new Option('--repeats <n>', 'measurements of the same steps (left out: 3; 1 in the emulator)').argParser(
        integerIn(1, 1000),
      ),
    )
    .addOption(memoryOption())
    .option('--no-xip', 'no estimate of what flash reads cost on silicon (emulator only, takes seconds a row)')
    .addOption(jsonOption())
    .addOption(new Option('--markdown', 'tables as Markdown').conflicts('json'))
    .option('--compare <file>', 'an earlier --json; exit status 1 when a figure has grown')
    .addOption(new Option('--tolerance <fraction>', 'growth that is none').argParser(parseFraction).default(0.02))
    .addOption(quietOption())
    .action(async (options: BenchOptions) => {
      const { benchCommand } = await import('./bench-run.js');
      await benchCommand(options);
    });
}

function listOf<T extends string>(choices: readonly T[]): (text: string) => T[] {
  return (text) => {
    const names = [...new Set(text.split(','))];
    for (const name of names) {
      if (!choices.includes(name as T)) throw new InvalidArgumentError(`${name} is none of ${choices.join(', ')}.`);
    }
    return names as T[];
  };
}

function parseFraction(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || value > 10) throw new InvalidArgumentError('It must be a number in 0..10.');
  return value;
}
