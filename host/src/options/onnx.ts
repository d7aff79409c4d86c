/** The options of the verbs that read and write ONNX files. */
import { dataDir, datasetOptions } from './data.js';
import { integer, listOf, number, text } from './kinds.js';
import { type Options, type OptionsOf, option } from './option.js';
import { bitWidth, sampleCount } from './training.js';

const anyNumber = number(-1e6, 1e6, 'n');
const positive = number(1e-6, 1e6, 'n', 'a number above 0');
/** A channel's value may be that of another: unlike other lists, these may repeat themselves. */
const perChannel = (kind: typeof anyNumber) => listOf(kind, 'n,...');

export const importOptions = {
  file: option(text('file'), 'ONNX file; data that it keeps elsewhere must be in its folder', { required: true }),
  out: option(text('folder'), 'network folder to make', { required: true }),
  mean: option(perChannel(anyNumber), 'mean of the pixels, in 0..1, that training subtracted; one, or one a channel'),
  std: option(perChannel(positive), 'standard deviation that training divided by; one, or one a channel'),
  scale: option(positive, 'what training divided pixels of 0..255 by, before --mean and --std (left out: 255)'),
  weightBits: option(
    integer(4, 8),
    'width of the weights, the last layer aside: narrow ones are faster on the device',
    {
      default: 8,
    },
  ),
  ...datasetOptions,
  dataset: option(
    datasetOptions.dataset.kind,
    'images to choose static shifts on and to measure accuracy with (left out: neither is done)',
  ),
  dataDir,
  samples: option(sampleCount, 'training images to choose static shifts on', { default: 1024 }),
  evalSamples: option(sampleCount, 'the first n test images to measure accuracy on (left out: all)'),
  scoreMu: option(bitWidth, 'bit width of a score step (priot)', { default: 5 }),
  gradientMu: option(bitWidth, 'bit width of a weight step (niti-static)', { default: 4 }),
} satisfies Options;

export type ImportOptions = OptionsOf<typeof importOptions>;

export const exportOptions = {
  model: option(
    text('folder'),
    'network: network.json and weights.bin (left out: that of the run, or the built-in one)',
  ),
  run: option(text('run'), 'a run folder: what was learned there is in the file'),
  dataDir,
  out: option(text('file'), 'ONNX file to make', { required: true }),
} satisfies Options;

export type ExportOptions = OptionsOf<typeof exportOptions>;
