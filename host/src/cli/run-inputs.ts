/**
 * What a session needs before a device is opened: network, images, shifts, and the plan that follows. Kept for the next
 * session of the process, so that a sweep reads, rotates and calibrates each thing once.
 */
import { type Dataset, datasetNames } from '../dataset/dataset.js';
import { DataError, UsageError } from '../errors.js';
import { hexadecimal } from '../files.js';
import { type Calibration, observeShifts, withShifts } from '../network/calibration.js';
import { loadNetwork, type NetworkFile } from '../network/network-file.js';
import type { RunManifest, RunRequest } from '../runs/run-manifest.js';
import type { PreparedImages } from '../training/input-images.js';
import { completeMethodRequest, setUpMethod } from '../training/method-request.js';
import { planSessionId, type TrainingPlan } from '../training/session.js';
import { loadDatasetShown } from './load-dataset.js';
import { resolveModel } from './package-files.js';
import { networkChecksums } from './provenance.js';
import {
  checkImages,
  checkSameFiles,
  evaluatedImages,
  firstTrainingImage,
  planOf,
  withEvalSet,
} from './training-request.js';

export interface RunInputs {
  /** With the method's defaults filled in. */
  readonly request: RunRequest;
  readonly file: NetworkFile;
  readonly dataset: Dataset;
  readonly plan: TrainingPlan;
}

export class InputStore {
  private readonly networks = new Map<string, NetworkFile>();
  private readonly datasets = new Map<string, Dataset>();
  private readonly images = new Map<string, PreparedImages>();
  private readonly calibrations = new Map<string, Calibration>();

  /**
   * @param original a run that must be repeated exactly
   * @throws UsageError of what was asked; DataError NETWORK_CHANGED, DATA_CHANGED, SESSION_DIFFERS when `original` could
   *   not be repeated exactly; what reading network and data set throws; the signal's reason
   */
  async load(asked: RunRequest, original: RunManifest | undefined, signal: AbortSignal): Promise<RunInputs> {
    const file = this.network(asked.model);
    if (original !== undefined) checkSameFiles('network', original.provenance.network.files, networkChecksums(file));
    const request = { ...asked, ...completeMethodRequest(asked, file.network) };
    if (request.budget !== undefined) delete request.scored; // the budget says it layer by layer
    const whole = await this.dataset(request, signal);
    if (original !== undefined) checkSameFiles('data set', original.provenance.dataset.files, whole.provenance.files);
    const dataset = withEvalSet(whole, request.evalSet);
    checkImages(file.network, dataset);
    evaluatedImages(request.evalSamples, dataset.test);
    const network = await this.calibrated(request, file, dataset, signal);
    const setup = setUpMethod(request, network, request.seed);
    const plan = planOf(request, setup, dataset, (set) => this.prepared(request, set.name));
    const sessionId = hexadecimal(planSessionId(plan));
    if (original !== undefined && sessionId !== original.provenance.sessionId) {
      throw new DataError(
        'SESSION_DIFFERS',
        `this priot would train another session, ${sessionId}, not ${original.provenance.sessionId}`,
        `use the priot that began the run: ${original.provenance.host.priot}`,
      );
    }
    return { request, file, dataset, plan };
  }

  private network(model: string): NetworkFile {
    const path = resolveModel(model);
    const file = this.networks.get(path) ?? loadNetwork(path);
    this.networks.set(path, file);
    return file;
  }

  private async dataset({ dataset, dataDir }: RunRequest, signal: AbortSignal): Promise<Dataset> {
    const key = JSON.stringify([dataset, dataDir]);
    const known = this.datasets.get(key);
    if (known !== undefined) return known;
    const name = datasetNames.find((candidate) => candidate === dataset);
    if (name === undefined) throw new UsageError('UNKNOWN_DATASET', `no data set is called ${dataset}`);
    const loaded = await loadDatasetShown(name, dataDir, signal);
    this.datasets.set(key, loaded);
    return loaded;
  }

  private prepared({ dataset, dataDir, angle }: RunRequest, set: string): PreparedImages {
    const key = JSON.stringify([dataset, dataDir, set, angle]);
    const known = this.images.get(key) ?? [];
    this.images.set(key, known);
    return known;
  }

  private async calibrated(
    request: RunRequest,
    { network }: NetworkFile,
    { train }: Dataset,
    signal: AbortSignal,
  ): Promise<NetworkFile['network']> {
    const { calibrate = 'none', mu, model, dataset, dataDir, seed, samples } = request;
    if (calibrate === 'none' || mu === undefined) return network;
    const { lastErrorCorrection, firstScoreCorrection } = request;
    const corrections = {
      ...(lastErrorCorrection === undefined ? {} : { lastErrorCorrection }),
      ...(firstScoreCorrection === undefined ? {} : { firstScoreCorrection }),
    };
    const angle = calibrate === 'source' ? 0 : request.angle;
    const key = JSON.stringify([resolveModel(model), dataset, dataDir, train.count, angle, seed, samples]);
    const first = firstTrainingImage(train, seed, samples);
    const calibration =
      this.calibrations.get(key) ??
      (await observeShifts(network, { set: train, first, count: samples, angle }, signal));
    this.calibrations.set(key, calibration);
    return withShifts(network, calibration.shifts({ scoreMu: mu, gradientMu: mu, ...corrections }));
  }
}
