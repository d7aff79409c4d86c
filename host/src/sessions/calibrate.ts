/** Chooses static shifts for a network, from sample images, and writes the network with them. */
import { parseShift, shiftsOf } from '../dataset/shifts.js';
import { calibrate as calibrateNetwork } from '../network/calibration.js';
import type { LayerShifts } from '../network/network.js';
import { loadNetwork } from '../network/network-file.js';
import { checkNewFolder, writeNetwork } from '../network/write-network.js';
import { type CalibrateOptions, calibrateOptions } from '../options/network.js';
import { complete, words } from '../options/option.js';
import { checkImages, firstTrainingImage } from '../training/images.js';
import type { CommonEvent, Context } from './events.js';
import { loadSessionDataset } from './load-dataset.js';
import { networkProvenance } from './network-provenance.js';
import { resolveModel } from './package-files.js';

/** What `priot calibrate --json` prints. */
export interface CalibrationDocument {
  /** The folder that was made. */
  readonly model: string;
  readonly layers: readonly ({ readonly name: string } & Partial<LayerShifts>)[];
}

/**
 * Calibrates a network and writes it into a new folder.
 * @throws UsageError of the options, MODEL_EXISTS; DataError of network and data; the signal's reason
 */
export async function calibrate(
  options: CalibrateOptions,
  context: Context<CommonEvent> = {},
): Promise<CalibrationDocument> {
  const given = complete('calibrate', calibrateOptions, options);
  const { model, angle, shift = [], samples, seed, out } = given;
  const { signal, onEvent, command = ['calibrate', ...words(calibrateOptions, options)] } = context;
  checkNewFolder(out);
  const { network } = loadNetwork(resolveModel(model));
  const data = await loadSessionDataset(given, context);
  checkImages(network, data);
  const images = {
    set: data.train,
    first: firstTrainingImage(data.train, seed, samples),
    count: samples,
    shifts: given.calibrate === 'source' ? [] : shiftsOf(angle, shift.map(parseShift)),
  };
  const calibrated = await calibrateNetwork(network, images, given, signal, (done) =>
    onEvent?.({ type: 'progress', what: 'calibrating', done, of: samples }),
  );
  writeNetwork(out, calibrated, networkProvenance(command, data.provenance));
  return { model: out, layers: calibrated.layers.map(({ name, shifts }) => ({ name, ...shifts })) };
}
