/** Trains a backbone from scratch, on the host, in integers, and writes it as a network folder. */
import { command as commandLine } from '../command.js';
import type { Dataset, DatasetProvenance } from '../dataset/dataset.js';
import { shiftsOf } from '../dataset/shifts.js';
import { DataError, InterruptedError, PriotError, UsageError } from '../errors.js';
import { readWhole } from '../files.js';
import { parseArchitecture } from '../network/architecture.js';
import { calibrate } from '../network/calibration.js';
import { parseJson } from '../network/network-file.js';
import { initialNetwork, Pretraining, stepSchedule, uprightAccuracy } from '../network/pretraining.js';
import {
  loadPretraining,
  pretrainingPath,
  removePretraining,
  type SavedPretraining,
  savePretraining,
} from '../network/pretraining-file.js';
import { narrowWeights } from '../network/weight-width.js';
import { checkNewFolder, writeNetwork } from '../network/write-network.js';
import { type CompletePretrainOptions, type PretrainOptions, pretrainOptions } from '../options/network.js';
import { complete, words } from '../options/option.js';
import { methodNames } from '../options/training.js';
import { checkImages } from '../training/images.js';
import type { CommonEvent, Context } from './events.js';
import { loadSessionDataset } from './load-dataset.js';
import { networkProvenance } from './network-provenance.js';
import { resolveModel } from './package-files.js';
import { planOn } from './plan.js';

const CALIBRATION_IMAGES = 1024;

/** What `priot pretrain --json` prints. */
export interface PretrainingDocument {
  /** The folder that was made. */
  readonly model: string;
  readonly edges: number;
  /** The test images' set, and how many they are. */
  readonly imageSet: string;
  readonly images: number;
  /** The accuracy on the upright test images, with dynamic shifts; 0..1. */
  readonly accuracy: number;
}

/** A pretraining that was asked for, or one that goes on. */
interface Task extends Pick<SavedPretraining, 'asked' | 'architecture'> {
  readonly given: CompletePretrainOptions;
  readonly out: string;
  /** What messages call the architecture. */
  readonly file: string;
  readonly saved: SavedPretraining | undefined;
}

/**
 * Pretrains a network and writes it into a new folder. When the signal stops it, what it needs to go on (`resume`) is
 * left beside that folder, as after every epoch.
 * @throws UsageError of the options, MODEL_EXISTS; DataError of architecture and data, PRETRAINING_DIFFERS;
 *   InterruptedError once the state is saved; the signal's reason before anything was trained
 */
export async function pretrain(
  options: PretrainOptions,
  context: Context<CommonEvent> = {},
): Promise<PretrainingDocument> {
  const task = options.resume === undefined ? newTask(options) : resumedTask(options, options.resume);
  const { given, out, file, saved } = task;
  const { signal, onEvent } = context;
  checkNewFolder(out);
  const architecture = parseArchitecture(task.architecture, file);
  const data = await loadSessionDataset(given, context);
  if (saved !== undefined) checkSameData(saved, data.provenance);
  const initial = initialNetwork(architecture, given.seed);
  checkImages(initial, data);
  if (saved === undefined) await warnOfSize(file, initial, context);

  const mu = given.mu ?? stepSchedule(given.epochs);
  const { batchSize, sparsity, seed } = given;
  const settings = { batchSize, sparsity, seed, mu, ...(signal && { signal }) };
  const images = { ...data.train, count: Math.min(given.samples ?? data.train.count, data.train.count) };
  const pretraining = await Pretraining.open(architecture, images, settings, saved?.state);
  const save = () => {
    const { asked, architecture } = task;
    savePretraining(out, { asked, architecture, data: checksums(data.provenance), state: pretraining.state });
  };
  const of = images.count * mu.length;
  try {
    const trained = await pretraining.run(({ epoch, images: count, correct }) => {
      const text = `epoch ${epoch + 1}/${mu.length}, training accuracy ${(correct / count).toFixed(4)}`;
      onEvent?.({ type: 'progress', what: 'pretraining', done: epoch * images.count + count, of, text });
      if (count + batchSize > images.count) save();
    });
    const network = await calibrated(narrowWeights(trained, given.weightBits), given, data, context);
    const accuracy = await evaluated(network, data, context);
    const { command = ['pretrain', ...words(pretrainOptions, given)] } = saved === undefined ? context : {};
    writeNetwork(out, network, {
      ...networkProvenance(command, data.provenance),
      accuracy: { images: data.test.name, count: data.test.count, upright: accuracy, shifts: 'dynamic' },
    });
    removePretraining(out);
    const { name: imageSet, count } = data.test;
    return { model: out, edges: network.weights.length, imageSet, images: count, accuracy };
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    save();
    const goOn = commandLine('pretrain', { resume: out });
    throw new InterruptedError(`interrupted; ${pretrainingPath(out)} holds what it needs to go on`, `go on: ${goOn}`);
  }
}

function newTask(options: PretrainOptions): Task {
  const given = complete('pretrain', pretrainOptions, options);
  const { out } = given;
  if (out === undefined) {
    throw new UsageError('OPTION_MISSING', 'pretrain needs the option out, the folder to make, or resume');
  }
  if (hasSaved(out)) {
    throw new UsageError(
      'MODEL_EXISTS',
      `${pretrainingPath(out)} is an interrupted pretraining of ${out}`,
      `go on: ${commandLine('pretrain', { resume: out })}; or remove that file`,
    );
  }
  const file = resolveModel(given.architecture);
  const { dataDir: _, ...asked } = options;
  return { given, out, file, asked, architecture: parseJson(readWhole(file), file), saved: undefined };
}

function hasSaved(out: string): boolean {
  try {
    loadPretraining(out);
    return true;
  } catch (error) {
    return !(error instanceof DataError && error.code === 'PRETRAINING_MISSING');
  }
}

function resumedTask(options: PretrainOptions, out: string): Task {
  const { dataDir } = complete('pretrain', pretrainOptions, options);
  const saved = loadPretraining(out);
  const asked = saved.asked as PretrainOptions;
  const given = complete('pretrain', pretrainOptions, { ...asked, ...(dataDir && { dataDir }) });
  return { given, out, file: pretrainingPath(out), asked: saved.asked, architecture: saved.architecture, saved };
}

function checksums({ files }: DatasetProvenance): Record<string, string> {
  return Object.fromEntries(files.map(({ name, sha256 }) => [name, sha256]));
}

function checkSameData(saved: SavedPretraining, provenance: DatasetProvenance): void {
  const now = checksums(provenance);
  const differing = Object.keys({ ...saved.data, ...now }).find((name) => saved.data[name] !== now[name]);
  if (differing === undefined) return;
  throw new DataError(
    'PRETRAINING_DIFFERS',
    `${differing} is not the one that the pretraining began with: SHA-256 ${now[differing] ?? 'missing'}, was ${saved.data[differing] ?? 'missing'}`,
    'bring back the data set that it began with, or begin anew',
  );
}

/** Tells, before a minute of training, with which methods the network will not fit a Pico. */
async function warnOfSize(
  file: string,
  network: ReturnType<typeof initialNetwork>,
  { signal, onEvent }: Context<CommonEvent>,
): Promise<void> {
  if (onEvent === undefined) return;
  const seeMore = `${commandLine('plan')} ${file} has the account`;
  try {
    const { methods } = await planOn('emulator', network, methodNames, { signal });
    const refused = methods.filter(({ fits }) => !fits);
    if (refused.length === 0) return;
    const fitting = methods.filter(({ fits }) => fits).map(({ method }) => method);
    const list = refused.map(({ method, reason }) => `  ${method}: ${reason}`);
    const head =
      fitting.length === 0
        ? 'this network will not fit a Pico with any method'
        : `this network will not fit a Pico with ${refused.map(({ method }) => method).join(', ')}; it will with ${fitting.join(', ')}`;
    onEvent({ type: 'notice', warning: true, text: [`warning: ${head} (${seeMore})`, ...list].join('\n') });
  } catch (error) {
    if (signal?.aborted || !(error instanceof PriotError)) throw error;
    onEvent({ type: 'notice', text: `whether the network fits a Pico is not known: ${error.message}` });
  }
}

function calibrated(
  network: Parameters<typeof calibrate>[0],
  given: CompletePretrainOptions,
  { train }: Dataset,
  { signal, onEvent }: Context<CommonEvent>,
): ReturnType<typeof calibrate> {
  const count = Math.min(CALIBRATION_IMAGES, train.count);
  const images = { set: train, first: 0, count, shifts: shiftsOf(given.angle) };
  return calibrate(network, images, given, signal, (done) =>
    onEvent?.({ type: 'progress', what: 'calibrating', done, of: count }),
  );
}

function evaluated(
  network: Parameters<typeof uprightAccuracy>[0],
  { test }: Dataset,
  { signal, onEvent }: Context<CommonEvent>,
): Promise<number> {
  return uprightAccuracy(network, test, signal, (done, correct) => {
    const text = `accuracy ${(correct / done).toFixed(4)}`;
    onEvent?.({ type: 'progress', what: 'evaluating', done, of: test.count, text });
  });
}
