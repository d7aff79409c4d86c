/** The options of the verbs about networks: plan, pretrain and calibrate. */
import { dataDir, datasetOptions, shift } from './data.js';
import { choice, integer, listOf, text } from './kinds.js';
import { type Complete, type Options, type OptionsOf, option } from './option.js';
import { bitWidth, degrees, methodNames, sampleCount, seedNumber, sharedOptions } from './training.js';

const { model, angle, samples, memory } = sharedOptions;

const scoreMu = option(bitWidth, 'bit width of a score step (priot)', { default: 5 });
const gradientMu = option(bitWidth, 'bit width of a weight step (niti-static)', { default: 4 });
const out = option(text('folder'), 'network folder to make', { required: true });

export const planOptions = {
  network: option(text('network'), 'network folder, network.json or architecture', { required: true }),
  device: option(listOf(text('name'), 'name'), 'emulator (the Pico), simulator or a port; repeat it for several', {
    default: ['emulator', 'simulator'],
    repeated: true,
  }),
  method: option(listOf(choice(methodNames)), 'methods, with commas between them', { default: methodNames }),
  memory,
} satisfies Options;

export type PlanOptions = OptionsOf<typeof planOptions>;

export const calibrateOptions = {
  model,
  ...datasetOptions,
  dataDir,
  calibrate: option(
    choice(['source', 'transfer'], 'on'),
    'source: upright images; transfer: the images to be learned, at --angle',
    { default: 'transfer' },
  ),
  angle,
  shift,
  samples,
  seed: option(seedNumber, 'seed for the choice of training images', { default: 0 }),
  scoreMu,
  gradientMu,
  out,
} satisfies Options;

export type CalibrateOptions = OptionsOf<typeof calibrateOptions>;

const newPretraining = {
  architecture: option(text('file'), 'layers of the network', { default: 'models/architectures/tiny-cnn.json' }),
  ...datasetOptions,
  dataDir,
  samples: option(sampleCount, 'training images (left out: all)'),
  batchSize: option(integer(1, 1024), 'images per update', { default: 64 }),
  epochs: option(integer(1, 999), 'epochs, with steps that shrink from 5 bits to 1', { default: 9 }),
  mu: option(listOf(bitWidth), 'bit width of a step, one for each epoch (left out: as --epochs says)', {
    conflicts: ['epochs'],
  }),
  sparsity: option(
    integer(0, 64),
    'penalty on activations of convolutions while steps have 2 bits or more: zeros are what the device skips',
    { default: 2 },
  ),
  weightBits: option(
    integer(2, 8),
    'width of the weights, the last layer aside: PRIOT freezes them, and narrow ones are faster on the device',
    { default: 5 },
  ),
  seed: option(seedNumber, 'seed for the initial weights and the image order', { default: 1 }),
  angle: option(degrees, 'rotation of the images that the static shifts are calibrated on', { default: 45 }),
  scoreMu,
  gradientMu,
  out: option(text('folder'), 'network folder to make'),
} satisfies Options;

export const pretrainOptions = {
  ...newPretraining,
  resume: option(text('folder'), 'goes on with the interrupted pretraining of this folder, with all its options', {
    conflicts: Object.keys(newPretraining).filter((name) => name !== 'dataDir'),
  }),
} satisfies Options;

export type PretrainOptions = OptionsOf<typeof pretrainOptions>;
export type CompletePretrainOptions = Complete<typeof pretrainOptions>;
