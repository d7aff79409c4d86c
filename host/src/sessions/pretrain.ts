/** Trains a backbone from scratch, on the host, in integers, and writes it as a network folder. */
import { readWhole } from '../files.js';
import { parseArchitecture } from '../network/architecture.js';
import { calibrate } from '../network/calibration.js';
import { parseJson } from '../network/network-file.js';
import { initialNetwork, pretrain as pretrainNetwork, uprightAccuracy } from '../network/pretraining.js';
import { narrowWeights } from '../network/weight-width.js';
import { checkNewFolder, writeNetwork } from '../network/write-network.js';
import { type PretrainOptions, pretrainOptions } from '../options/network.js';
import { complete, words } from '../options/option.js';
import { checkImages } from '../training/images.js';
import type { CommonEvent, Context } from './events.js';
import { loadSessionDataset } from './load-dataset.js';
import { networkProvenance } from './network-provenance.js';
import { resolveModel } from './package-files.js';

const CALIBRATION_IMAGES = 1024;

/** What `priot pretrain --json` prints. */
export interface PretrainingDocument {
  /** The folder that was made. */
  readonly model: string;
  readonly edges: number;
  /** Test images. */
  readonly images: number;
  /** Of the upright test images, with dynamic shifts; 0..1. */
  readonly accuracy: number;
}

/** What the accuracy is measured on: told before it is. */
export interface TestImagesEvent {
  readonly type: 'test-images';
  readonly imageSet: string;
}

/**
 * Pretrains a network and writes it into a new folder.
 * @throws UsageError of the options, MODEL_EXISTS; DataError of architecture and data; the signal's reason
 */
export async function pretrain(
  options: PretrainOptions,
  context: Context<CommonEvent | TestImagesEvent> = {},
): Promise<PretrainingDocument> {
  const given = complete('pretrain', pretrainOptions, options);
  const { dataset, dataDir, angle, samples, mu, weightBits, seed, out } = given;
  const { signal, onEvent, command = ['pretrain', ...words(pretrainOptions, options)] } = context;
  checkNewFolder(out);
  const file = resolveModel(given.architecture);
  const architecture = parseArchitecture(parseJson(readWhole(file), file), file);
  const data = await loadSessionDataset(dataset, dataDir, context);
  checkImages(initialNetwork(architecture, seed), data);
  const images = { ...data.train, count: Math.min(samples ?? data.train.count, data.train.count) };
  const of = images.count * mu.length;
  const trained = await pretrainNetwork(
    architecture,
    images,
    { ...given, ...(signal && { signal }) },
    ({ epoch, images: count, correct }) => {
      const text = `epoch ${epoch + 1}/${mu.length}, training accuracy ${(correct / count).toFixed(4)}`;
      onEvent?.({ type: 'progress', what: 'pretraining', done: epoch * images.count + count, of, text });
    },
  );
  const calibrationImages = { set: data.train, first: 0, count: Math.min(CALIBRATION_IMAGES, data.train.count) };
  const narrow = narrowWeights(trained, weightBits);
  const network = await calibrate(narrow, { ...calibrationImages, angle }, given, signal);
  onEvent?.({ type: 'test-images', imageSet: data.test.name });
  const accuracy = await uprightAccuracy(network, data.test, signal);
  writeNetwork(out, network, {
    ...networkProvenance(command, data.provenance),
    accuracy: { images: data.test.name, count: data.test.count, upright: accuracy, shifts: 'dynamic' },
  });
  return { model: out, edges: network.weights.length, images: data.test.count, accuracy };
}
