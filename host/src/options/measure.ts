/** The options of the verbs that measure: evaluate, verify and bench. */
import { dataDir, datasetOptions, shift } from './data.js';
import { choice, flag, integer, listOf, number, text } from './kinds.js';
import { type Complete, type Options, type OptionsOf, option } from './option.js';
import { deviceOptions } from './train.js';
import { methodNames, sampleCount, sharedOptions } from './training.js';

const { model, angle, belowThreshold, memory, cores } = sharedOptions;

export const evaluateOptions = {
  ...deviceOptions,
  model,
  run: option(text('run'), 'the learned state of a run; network, data set and angle are those of the run', {
    conflicts: ['model', 'state', 'belowThreshold'],
  }),
  state: option(text('file'), 'a learned state: int8, one byte per edge, canonical order'),
  belowThreshold,
  ...datasetOptions,
  dataDir,
  angle,
  shift,
  evalSamples: option(sampleCount, 'the first n test images (left out: all)'),
} satisfies Options;

export type EvaluateOptions = OptionsOf<typeof evaluateOptions>;

export const verifyOptions = {
  ...deviceOptions,
  cases: option(text('folder'), 'case folders, or one case (left out: the cases that come with priot)'),
  cores,
} satisfies Options;

export type VerifyOptions = OptionsOf<typeof verifyOptions>;

/** `m0plus` and `simd` are `fastest` on the device that has them. */
export const kernelChoices = ['fastest', 'm0plus', 'simd', 'plain', 'dense'] as const;
export type KernelChoice = (typeof kernelChoices)[number];

const MAX_STEPS = 1_000_000;

export const benchOptions = {
  device: deviceOptions.device,
  bootRom: deviceOptions.bootRom,
  model,
  ...datasetOptions,
  dataDir,
  angle,
  method: option(listOf(choice(methodNames)), 'methods, with commas between them', { default: methodNames }),
  kernels: option(
    listOf(choice(kernelChoices)),
    'fastest (m0plus on a Pico, simd in the simulator), plain, dense (plain, and skips nothing)',
    { default: ['fastest'] },
  ),
  steps: option(integer(1, MAX_STEPS), 'steps to measure', { default: 128 }),
  warmUp: option(
    integer(0, MAX_STEPS),
    'steps before them, on a network opened anew (left out: 8; none in the emulator)',
  ),
  repeats: option(integer(1, 1000), 'measurements of the same steps (left out: 3; 1 in the emulator)'),
  memory,
  cores,
  xip: option(flag, 'no estimate of what flash reads cost on silicon (emulator only, takes seconds per row)', {
    default: true,
  }),
  calibration: option(text('file'), "a board's selftest.json: also what its instructions and flash make of the cycles"),
  compare: option(text('file'), 'an earlier --json; exit status 1 when a figure has grown'),
  tolerance: option(number(0, 10, 'fraction'), 'growth that is none', { default: 0.02 }),
} satisfies Options;

export type BenchOptions = OptionsOf<typeof benchOptions>;
export type CompleteBenchOptions = Complete<typeof benchOptions>;
