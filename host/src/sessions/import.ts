/** Makes a network folder from a trained model in an ONNX file. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Dataset } from '../dataset/dataset.js';
import { type ImageSet, imagePixels } from '../dataset/image-set.js';
import { sha256 } from '../files.js';
import { calibrate } from '../network/calibration.js';
import type { Network } from '../network/network.js';
import { biasCount } from '../network/network-shape.js';
import { betterNormalisation, countCorrect } from '../network/onnx/accuracy.js';
import { type LayerDeviation, layerDeviations } from '../network/onnx/deviation.js';
import { equalisedForWidth } from '../network/onnx/equalise.js';
import { FloatForward } from '../network/onnx/float-forward.js';
import type { FloatNetwork } from '../network/onnx/float-network.js';
import { type Normalisation, usual, withInputFolded, withNormalisation } from '../network/onnx/normalisation.js';
import { quantiseNetwork } from '../network/onnx/quantise.js';
import { type OnnxNetwork, readOnnx } from '../network/onnx/read-onnx.js';
import { nodeText } from '../network/onnx/refusal.js';
import { checkNewFolder, writeNetwork } from '../network/write-network.js';
import { type ImportOptions, importOptions } from '../options/onnx.js';
import { complete, words } from '../options/option.js';
import { evaluatePersistently } from '../training/evaluation.js';
import { checkImages, evaluatedImages, firstTrainingImage } from '../training/images.js';
import { InputImages } from '../training/input-images.js';
import { completeMethodRequest, setUpMethod } from '../training/method-request.js';
import type { CommonEvent, Context } from './events.js';
import { loadSessionDataset } from './load-dataset.js';
import { networkProvenance } from './network-provenance.js';
import { openDevice } from './open-device.js';

/** The width at which channels of unlike sizes cost next to nothing. */
const FULL_WIDTH = 8;
/** Below, in floating point, the usual normalisations are tried as well. */
const LOW_ACCURACY = 0.95;
/** Images on which normalisations are tried, and layers compared. */
const TRIED_IMAGES = 200;
const COMPARED_IMAGES = 32;

/** What `priot import --json` prints. */
export interface ImportDocument {
  /** The folder that was made. */
  readonly network: string;
  readonly edges: number;
  readonly layers: number;
  readonly biases: number;
  /** What the user should know: what was cut, what is inexact, what would do better. */
  readonly warnings: readonly string[];
  /** The accuracy on the first test images of the data set, upright, 0..1; null without a data set. */
  readonly accuracy: { readonly images: number; readonly integer: number; readonly float: number } | null;
  /** How far each layer is off as a share of its outputs' size, the largest of its own first; null without a data set. */
  readonly deviations: readonly LayerDeviation[] | null;
}

/**
 * Imports an ONNX file and writes the network into a new folder. With a data set, its training images choose the static
 * shifts, and its test images tell what the integers cost.
 * @throws UsageError of the options, MODEL_EXISTS, NORMALISATION_MALFORMED; DataError ONNX_MALFORMED, ONNX_UNSUPPORTED naming
 *   the node, ONNX_OPSET, ONNX_EXTERNAL_DATA, and of the data set; the signal's reason
 */
export async function importOnnx(options: ImportOptions, context: Context<CommonEvent> = {}): Promise<ImportDocument> {
  const given = complete('import', importOptions, options);
  const { file, out, weightBits, dataset } = given;
  const { onEvent, command = ['import', ...words(importOptions, options)] } = context;
  checkNewFolder(out);
  const onnx = readOnnx(file);
  const warnings: string[] = [];
  const warn = (text: string): void => {
    warnings.push(text);
    onEvent?.({ type: 'notice', text });
  };
  onnx.warnings.forEach(warn);
  const normalisation = normalisationOf(given, onnx.network, warn);
  const origin = withNormalisation(onnx.network, normalisation);
  const { network: whole, borderError } = withInputFolded(origin);
  const folded = weightBits === FULL_WIDTH ? whole : equalisedForWidth(whole, weightBits);
  if (borderError > 0) {
    warn(
      `zeros around the image stand for black, and stood for the mean in training: sums at the border are off by up to ${percent(borderError)} of the largest possible`,
    );
  }
  const quantised = quantiseNetwork(folded, weightBits);
  const data = dataset === undefined ? undefined : await loadSessionDataset({ ...given, dataset }, context);
  const measured =
    data && (await measure({ onnx, normalisation, origin, folded, quantised }, data, given, context, warn));
  const network = measured?.network ?? quantised;
  const { accuracy = null, deviations = null } = measured ?? {};
  const document: ImportDocument = {
    network: out,
    edges: network.weights.length,
    layers: network.layers.length,
    biases: biasCount(network),
    warnings,
    accuracy,
    deviations,
  };
  writeNetwork(out, network, {
    ...networkProvenance(command, data?.provenance ?? { files: [], source: '' }),
    onnx: {
      file: basename(file),
      sha256: sha256(readFileSync(file)),
      producer: onnx.producer,
      opset: onnx.opset,
      nodes: Object.fromEntries(folded.layers.map(({ name, node }) => [name, nodeText(node)])),
    },
    normalisation,
    ...(accuracy === null ? {} : { accuracy: { ...accuracy, imageSet: data!.test.name } }),
    warnings,
  });
  return document;
}

/** What the user says; where nothing is said, what most networks are trained with, and then that is said. */
function normalisationOf(
  { mean, std, scale }: Pick<ImportOptions, 'mean' | 'std' | 'scale'>,
  network: FloatNetwork,
  warn: (text: string) => void,
): Normalisation {
  if (mean !== undefined || std !== undefined || scale !== undefined) {
    return { scale: scale ?? usual.scale, mean: mean ?? usual.mean, std: std ?? usual.std };
  }
  // a graph that divides its input by some hundred takes pixels as they are
  const own = Math.max(...network.input.scale.map(Math.abs));
  if (own < 1 / 50) {
    warn(
      'the file normalises its input itself, so it is given pixels of 0..255; otherwise say --mean, --std or --scale',
    );
    return { ...usual, scale: 1 };
  }
  warn(
    'nothing says how pixels were normalised for training: divided by 255 is taken; otherwise say --mean, --std or --scale',
  );
  return usual;
}

interface Stages {
  readonly onnx: OnnxNetwork;
  readonly normalisation: Normalisation;
  readonly origin: FloatNetwork;
  readonly folded: FloatNetwork;
  readonly quantised: Network;
}

/** Chooses shifts, and measures what the integers cost. */
async function measure(
  { onnx, normalisation, origin, folded, quantised }: Stages,
  data: Dataset,
  given: { samples: number; evalSamples?: number; scoreMu: number; gradientMu: number },
  context: Context<CommonEvent>,
  warn: (text: string) => void,
) {
  const { signal, onEvent } = context;
  const progress = (what: string, done: number, of: number, text?: string): void =>
    onEvent?.({ type: 'progress', what, done, of, ...(text === undefined ? {} : { text }) });
  checkImages(quantised, data);
  const { train, test } = data;
  const samples = Math.min(given.samples, train.count);
  const images = { set: train, first: firstTrainingImage(train, 0, samples), count: samples, shifts: [] };
  const network = await calibrate(quantised, images, given, signal, (done) => progress('calibrating', done, samples));
  const count = evaluatedImages(given.evalSamples, test);
  const correct = await countCorrect(origin, test, count, signal, (done, right) =>
    progress('in floating point', done, count, `accuracy ${(right / done).toFixed(4)}`),
  );
  const float = correct / count;
  if (float < LOW_ACCURACY) {
    progress('trying normalisations', 0, 1);
    const better = await betterNormalisation(onnx.network, normalisation, test, Math.min(TRIED_IMAGES, count), signal);
    if (better !== undefined) {
      warn(
        `the network tells few images right in floating point: ${better.options} would fit it better, with ${percent(better.accuracy)} instead of ${percent(better.present)} of ${Math.min(TRIED_IMAGES, count)} images`,
      );
    }
  }
  const integer = await integerAccuracy(network, test, count, context, progress);
  const compared = Array.from({ length: Math.min(COMPARED_IMAGES, count) }, (_, index) => imagePixels(test, index));
  warnOfClipping(origin, compared, warn);
  const deviations = layerDeviations(origin, folded, network, compared);
  return { network, accuracy: { images: count, integer, float }, deviations };
}

/** Measures accuracy on the simulator, with the engine's own integers. */
async function integerAccuracy(
  network: Network,
  test: ImageSet,
  count: number,
  { signal = new AbortController().signal }: Context<CommonEvent>,
  progress: (what: string, done: number, of: number, text: string) => void,
): Promise<number> {
  const { settings } = setUpMethod(completeMethodRequest({ method: 'priot', calibrate: 'none' }, network), network, 0);
  const state = new Int8Array(network.weights.length).fill(127);
  const connection = await openDevice({ device: 'simulator' }, { signal });
  try {
    let correct = 0;
    const images = new InputImages(test, 0, count, []);
    for await (const now of evaluatePersistently(connection, { network, settings, state }, images, {
      frozen: true,
      signal,
    })) {
      correct = now.correct;
      progress('in integers', now.images, count, `accuracy ${(correct / now.images).toFixed(4)}`);
    }
    return correct / count;
  } finally {
    await connection.close();
  }
}

/** ReLU6 is taken as a ReLU: a device clips nowhere but at the end of its range. */
function warnOfClipping(origin: FloatNetwork, images: readonly Uint8Array[], warn: (text: string) => void): void {
  const clipped = origin.layers.filter((layer) => layer.highest !== undefined);
  if (clipped.length === 0) return;
  const forward = new FloatForward(origin);
  const counts = new Map(clipped.map(({ name }) => [name, { at: 0, of: 0 }]));
  for (const image of images) {
    for (const [index, values] of forward.run(image).entries()) {
      const { name, highest } = origin.layers[index]!;
      const count = counts.get(name);
      if (count === undefined || highest === undefined) continue;
      count.at += values.reduce((sum, value) => sum + (value >= highest ? 1 : 0), 0);
      count.of += values.length;
    }
  }
  const shares = [...counts].map(([name, { at, of }]) => `${name} ${percent(at / of)}`);
  warn(`ReLU6 is taken as a ReLU; of the outputs, the clip would hold down: ${shares.join(', ')}`);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
