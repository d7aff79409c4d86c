/**
 * What a session needs before a device is opened: network, images and shifts, from a request. What was read is kept for
 * the next session, so that a sweep reads, rotates and calibrates each thing once.
 */
import { existsSync } from 'node:fs';
import { type Dataset, datasetNames } from '../dataset/dataset.js';
import type { ImageSet } from '../dataset/image-set.js';
import { checkTransferSet } from '../dataset/transfer-set.js';
import { DataError } from '../errors.js';
import { type Calibration, observeShifts, withShifts } from '../network/calibration.js';
import type { Network } from '../network/network.js';
import { loadNetwork, type NetworkFile } from '../network/network-file.js';
import { recordedShifts } from '../options/data.js';
import type { RunManifest, RunRequest } from '../runs/run-manifest.js';
import { checkImages, evaluatedImages, firstTrainingImage, withEvalSet } from '../training/images.js';
import type { PreparedImages } from '../training/input-images.js';
import { completeMethodRequest, setUpMethod } from '../training/method-request.js';
import { planOf, type TrainingPlan } from '../training/plan.js';
import { observeTrial } from '../training/trial.js';
import type { Context, DownloadEvent } from './events.js';
import { type DatasetRequest, datasetRequest, loadSessionDataset } from './load-dataset.js';
import { openDevice } from './open-device.js';
import { resolveModel } from './package-files.js';
import { networkChecksums } from './provenance.js';

/** A request with the files that it names. */
export interface Inputs {
  /** The request with the method's defaults filled in. */
  readonly request: RunRequest;
  readonly file: NetworkFile;
  /** The file's network, with the shifts that the session will use. */
  readonly network: Network;
  /** What is trained and tested on, with the test images that the request asks for. */
  readonly dataset: Dataset;
  /** The data set of `--dataset`, whole. */
  readonly source: Dataset;
  /** The set of `--transfer-dir`, whole, which `dataset` then is of. */
  readonly transfer?: Dataset;
  /** Test images of `source` that the request asks for. */
  readonly sourceTest: ImageSet;
  /** What a trial found, of a request that selects by one: how far each score fell. */
  readonly fallen?: Int8Array;
  /** Inputs of a set of the data set with the request's shifts, as far as they are ready. */
  prepared(set: { readonly name: string }): PreparedImages;
}

/** A map that keeps the values that were used last, so that a worker of many different sessions does not grow. */
class Recent<Value> {
  readonly #values = new Map<string, Value>();

  constructor(private readonly most: number) {}

  get(key: string): Value | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: string, value: Value): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.most) return;
      this.#values.delete(oldest);
    }
  }
}

/** Networks, data sets, rotated images and calibrations that earlier sessions have used last. */
export class InputCache {
  readonly #networks = new Recent<NetworkFile>(8);
  readonly #datasets = new Recent<Dataset>(4);
  // training and test images of some angles: those of MNIST are 55 MB for one
  readonly #images = new Recent<PreparedImages>(8);
  readonly #calibrations = new Recent<Calibration>(64);

  /**
   * Loads what a request names.
   * @param original a run that must be repeated exactly
   * @throws UsageError of what was asked; DataError NETWORK_CHANGED, DATA_CHANGED when `original` could not be repeated
   *   exactly; what reading network and data set throws; the signal's reason
   */
  async load(asked: RunRequest, original: RunManifest | undefined, context: Context<DownloadEvent>): Promise<Inputs> {
    const file = this.network(asked.model, original?.provenance.network.folder);
    if (original !== undefined) checkSameFiles('network', original.provenance.network.files, networkChecksums(file));
    const request = { ...asked, ...completeMethodRequest(asked, file.network) };
    if (request.budget !== undefined) delete request.scored; // the budget says it layer by layer
    const [sourceIn, transferIn] = dataRequests(request);
    const source = await this.dataset(sourceIn!, context);
    const transfer = transferIn && (await this.dataset(transferIn, context));
    if (transfer !== undefined) checkTransferSet(source, transfer);
    if (original !== undefined) {
      const { dataset, transfer: before } = original.provenance;
      checkSameFiles('data set', dataset.files, source.provenance.files);
      checkSameFiles('data set', before?.files ?? [], transfer?.provenance.files ?? []);
    }
    const dataset = withEvalSet(transfer ?? source, request.evalSet);
    const evaluated = withEvalSet(source, request.evalSet);
    checkImages(file.network, dataset);
    evaluatedImages(request.evalSamples, dataset.test);
    const images = { source: evaluated.train, transfer: dataset.train };
    const network = await this.#calibrated(request, file, images, context.signal);
    const sourceTest = evaluated.test;
    const sets = { dataset, source, sourceTest, ...(transfer && { transfer }) };
    const inputs = {
      request,
      file,
      network,
      ...sets,
      prepared: ({ name }: { name: string }) => this.#prepared(request, name),
    };
    return request.select === 'trial' ? { ...inputs, fallen: await trialOf(inputs, context.signal) } : inputs;
  }

  /**
   * Reads the network of a folder, or the package's own of that name.
   * @param before where the folder lay when a run began that is repeated from another working directory
   * @throws what loadNetwork throws
   */
  network(model: string, before?: string): NetworkFile {
    const found = resolveModel(model);
    const path = before === undefined || existsSync(found) ? found : before;
    const file = this.#networks.get(path) ?? loadNetwork(path);
    this.#networks.set(path, file);
    return file;
  }

  /** Reads a data set. @throws what loadDataset throws */
  async dataset(request: DatasetRequest, context: Context<DownloadEvent>): Promise<Dataset> {
    const key = JSON.stringify(datasetRequest(request));
    const loaded = this.#datasets.get(key) ?? (await loadSessionDataset(request, context));
    this.#datasets.set(key, loaded);
    return loaded;
  }

  #prepared(request: RunRequest, set: string): PreparedImages {
    const key = JSON.stringify([datasetRequest(request), request.transferDir, set, recordedShifts(request)]);
    const known = this.#images.get(key) ?? [];
    this.#images.set(key, known);
    return known;
  }

  async #calibrated(
    request: RunRequest,
    { network }: NetworkFile,
    sets: { readonly source: ImageSet; readonly transfer: ImageSet },
    signal: AbortSignal | undefined,
  ): Promise<Network> {
    const { calibrate = 'none', mu, model, seed, samples } = request;
    if (calibrate === 'none' || mu === undefined) return network;
    const { lastErrorCorrection, firstScoreCorrection, variant } = request;
    const corrections = {
      ...(lastErrorCorrection === undefined ? {} : { lastErrorCorrection }),
      ...(firstScoreCorrection === undefined ? {} : { firstScoreCorrection }),
    };
    const largestLoss = variant === 'steady';
    const train = sets[calibrate];
    const shifts = calibrate === 'source' ? [] : recordedShifts(request);
    const images = [datasetRequest(request), request.transferDir, train.name, train.count, shifts, seed, samples];
    const key = JSON.stringify([resolveModel(model), images]);
    const first = firstTrainingImage(train, seed, samples);
    const calibration =
      this.#calibrations.get(key) ??
      (await observeShifts(network, { set: train, first, count: samples, shifts }, signal));
    this.#calibrations.set(key, calibration);
    return withShifts(network, calibration.shifts({ scoreMu: mu, gradientMu: mu, largestLoss, ...corrections }));
  }
}

/** Gives the data sets of a request, as they are read: that of `--dataset`, and that of `--transfer-dir` if there is one. */
export function dataRequests(
  request: DatasetRequest & { readonly transferDir?: string | undefined },
): DatasetRequest[] {
  const { transferDir } = request;
  const transfer = transferDir === undefined ? [] : [{ ...datasetRequest(request), dataset: transferDir }];
  return [sourceRequest(request), ...transfer];
}

/** Makes the trial of a request on a simulator of its own. @throws what planOf and observeTrial throw */
async function trialOf(inputs: Inputs, signal: AbortSignal = new AbortController().signal): Promise<Int8Array> {
  const connection = await openDevice({ device: 'simulator' }, { signal });
  try {
    return await observeTrial(connection, planOfInputs(inputs), signal);
  } finally {
    await connection.close();
  }
}

/** Makes the plan of what was loaded. @throws what planOf throws */
export function planOfInputs(inputs: Inputs): TrainingPlan {
  const { request, network, dataset, sourceTest, fallen } = inputs;
  const setup = setUpMethod(request, network, request.seed, fallen);
  return planOf(request, setup, dataset, sourceTest, (set) => inputs.prepared(set));
}

/** How a set of one's own is read says nothing of a set that is known by name: with `--transfer-dir` it is about that. */
function sourceRequest(request: DatasetRequest & { readonly transferDir?: string | undefined }): DatasetRequest {
  const { dataset, dataDir } = request;
  const known = datasetNames.some((name) => name === dataset);
  return request.transferDir !== undefined && known ? { dataset, dataDir } : datasetRequest(request);
}

/**
 * Checks that files are those of the original run.
 * @throws DataError DATA_CHANGED, NETWORK_CHANGED: the run could not be repeated exactly
 */
function checkSameFiles(
  what: 'data set' | 'network',
  recorded: readonly { name: string; sha256: string }[],
  found: readonly { name: string; sha256: string }[],
): void {
  for (const { name, sha256 } of recorded) {
    const now = found.find((file) => file.name === name)?.sha256;
    if (now !== sha256) {
      throw new DataError(
        what === 'network' ? 'NETWORK_CHANGED' : 'DATA_CHANGED',
        `${name} of the ${what} is not the one of that run: SHA-256 ${now ?? 'missing'}, was ${sha256}`,
        `bring back the ${what} of that run, or start a new one without --resume and --from-run`,
      );
    }
  }
}
