/** The options that decide what is trained: run.json records them, and they are the parameters of a sweep. */
import type { MethodName } from '../network/network.js';
import { datasetOptions, shift, transferDir } from './data.js';
import { choice, epochList, integer, number, share, text } from './kinds.js';
import { type Complete, type MethodOption, type Options, type OptionsOf, option, type Recorded } from './option.js';

/** All methods, as `--method` names them. */
export const methodNames = ['priot', 'priot-s', 'niti-static', 'niti-dynamic'] as const satisfies readonly MethodName[];

/** Images that the static shifts are chosen on: none (the shifts of the network's file), upright ones, or rotated ones. */
export const calibrationSources = ['none', 'source', 'transfer'] as const;
export type CalibrationSource = (typeof calibrationSources)[number];

/** PRIOT-S: the edges of largest |W| have scores, random ones, or those that PRIOT would prune, by a trial of it. */
export const edgeSelections = ['magnitude', 'random', 'trial'] as const;
export type EdgeSelection = (typeof edgeSelections)[number];

/** How PRIOT's steps are fitted: as reconstructed from the paper, or so that nothing need be tuned. */
export const variants = ['paper', 'steady'] as const;
export type Variant = (typeof variants)[number];

/** What accuracies are measured on: the test images, or training images that are held out. */
export const evalSets = ['test', 'held-out'] as const;
export type EvalSet = (typeof evalSets)[number];

export const defaultModel = 'models/tiny-cnn-mnist';

/** The largest seed whose images could exist in any data set here. */
const MAX_SEED = 999_999;
const MAX_SAMPLES = 1_000_000;
const MAX_CORRECTION = 8;

export const degrees = number(-360, 360, 'degrees', 'a number of degrees');
export const sampleCount = integer(1, MAX_SAMPLES);
export const seedNumber = integer(0, MAX_SEED);
/** A bit width of a step. */
export const bitWidth = integer(0, 7);
const correction = integer(-MAX_CORRECTION, MAX_CORRECTION);

const model = option(text('folder'), 'network: network.json and weights.bin', { default: defaultModel });
const angle = option(degrees, 'rotation of all images, counter-clockwise', { default: 45 });
const belowThreshold = option(
  text('rule:layers'),
  'what pruned edges become, as negate:fc1, or negate for all layers (left out: as the network has it)',
  { methods: ['priot', 'priot-s'] },
);
const samples = option(sampleCount, 'training images per epoch', { default: 1024 });
const memory = option(integer(1, 2 ** 31, 'bytes'), "most bytes of the device's arena to plan with (left out: all)");

/** Options that other verbs have, too, with the same meaning. */
const cores = option(
  integer(1, 2, 'cores'),
  'cores that train; the second helps where its memory fits (left out: 1; the results are the same)',
);
export const sharedOptions = { model, angle, belowThreshold, samples, memory, cores };

const calibrated = ['priot', 'priot-s', 'niti-static'] as const;
const scored = ['priot', 'priot-s'] as const;

export const trainingOptions = {
  model,
  ...datasetOptions,
  angle,
  shift,
  transferDir,
  method: option(choice(methodNames), 'how edges are learned', { default: 'priot' }),
  variant: option(
    choice(variants),
    'priot, priot-s: steps fitted to the most frequent loss (paper), or to the largest, beginning with the whole network and kept only if they help (steady; left out: paper)',
    { methods: scored },
  ),
  belowThreshold,
  threshold: option(integer(-128, 127), 'edges whose score is below are pruned (left out: priot -64, priot-s -32)', {
    methods: scored,
  }),
  calibrate: option(
    choice(calibrationSources, 'on'),
    "static shifts from upright images (source), from those to be learned (transfer), or the network file's (none; left out: transfer)",
    { methods: calibrated },
  ),
  mu: option(
    bitWidth,
    'bit width of a step (left out: priot 5, or 4 after source calibration; priot-s 3, or 4 from 15 % scored on; niti-static 4; niti-dynamic 3)',
    { methods: methodNames },
  ),
  narrow: option(epochList, 'halve the step size after these epochs, for example 16,24 (left out: never)', {
    methods: methodNames,
  }),
  lastErrorCorrection: option(correction, "what calibration adds to the last layer's error shift (left out: -3)", {
    methods: calibrated,
  }),
  firstScoreCorrection: option(
    correction,
    "priot, priot-s: what calibration adds to the first layer's score shift (left out: 2)",
    { methods: scored },
  ),
  scored: option(share, 'priot-s: edges with scores, of all edges (left out: 0.1)', { methods: ['priot-s'] }),
  select: option(
    choice(edgeSelections, 'how'),
    'priot-s: the edges of largest weight, random ones, or those that a trial of priot on the simulator would prune (left out: magnitude; trial with --variant steady)',
    { methods: ['priot-s'] },
  ),
  budget: option(
    text('shares'),
    'priot-s: how scores are spread over layers: auto, uniform, or conv1=1,conv2=0.5,... (left out: auto; uniform for random edges)',
    { methods: ['priot-s'] },
  ),
  samples,
  epochs: option(integer(1, 1000), 'passes over the training images', { default: 1 }),
  seed: option(seedNumber, 'seed for the initial scores, the image order and the choice of training images', {
    default: 0,
  }),
  evalSamples: option(
    sampleCount,
    'the first n test images (left out: 1,000 after each epoch, and all before the first and after the last)',
  ),
  evalEvery: option(integer(1, 1000), 'epochs from one evaluation to the next; the last one always counts'),
  evalSource: option(
    integer(0, MAX_SAMPLES),
    'test images without any shift, evaluated before and after training, to see what is forgotten (left out: as many as after each epoch; 0: none)',
  ),
  evalSet: option(
    choice(evalSets),
    'what accuracy is measured on: test images, or training images held out to choose options by (left out: test)',
  ),
  memory,
  cores,
} satisfies Options;

/** What is to be trained, as a caller says it. */
export type TrainingOptions = OptionsOf<typeof trainingOptions>;
export type CompleteTrainingOptions = Complete<typeof trainingOptions>;
/** What is to be trained, as run.json has it. */
export type RecordedTraining = Recorded<typeof trainingOptions>;

/** The options that are about the method. */
export type MethodOptionName = MethodOption<typeof trainingOptions>;
export const methodOptionNames = Object.entries(trainingOptions).flatMap(([name, entry]) =>
  'methods' in entry ? [name as MethodOptionName] : [],
);
