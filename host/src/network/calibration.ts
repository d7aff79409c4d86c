/**
 * Static shifts from what dynamic ones would have been on sample images (docs/arithmetic.md, "Calibration"): source
 * calibration takes upright images, transfer calibration the rotated ones that training will use.
 */

import type { ImageSet } from '../dataset/image-set.js';
import { type Shift, shiftedInputs } from '../dataset/shifts.js';
import { DataError } from '../errors.js';
import { BatchEngine, type BatchResult } from './batch-engine.js';
import { checkBiasScales } from './bias-scale.js';
import type { LayerShifts, Network } from './network.js';
import { giveWay } from './pretraining.js';

/** Corrections of ours: found by experiment, not in the papers. What is added to the most frequent shift. */
export const DEFAULT_LAST_ERROR_CORRECTION = -3;
export const DEFAULT_FIRST_SCORE_CORRECTION = 2;

/** The b of a delta that is as large as it can be. */
const LARGEST_DELTA_BITS = 7;
/** The b of what a dynamic shift leaves. */
const ACTIVATION_BITS = 7;

/** Bit widths of a step, and corrections. */
export interface CalibrationSettings {
  /** priot, priot-s: mu of the score shifts. */
  readonly scoreMu: number;
  /** niti-static: mu of the gradient shifts. */
  readonly gradientMu: number;
  /** What is added to the last layer's error shift. */
  readonly lastErrorCorrection?: number;
  /** priot, priot-s: of the first layer's score shift. */
  readonly firstScoreCorrection?: number;
  /**
   * The last layer's error and update shifts fit the largest loss gradient there can be, not the one that is most
   * frequent: a confident network's is tiny, and the few that are not would saturate. Left out: false.
   */
  readonly largestLoss?: boolean;
}

/** Counts how often a value was seen. */
class Histogram {
  private readonly counts = new Map<number, number>();

  add(value: number): void {
    this.counts.set(value, (this.counts.get(value) ?? 0) + 1);
  }

  /** The most frequent value; of equally frequent ones the largest. undefined when nothing was seen. */
  mode(): number | undefined {
    let best: [value: number, count: number] | undefined;
    for (const [value, count] of this.counts) {
      if (best === undefined || count > best[1] || (count === best[1] && value > best[0])) best = [value, count];
    }
    return best?.[0];
  }
}

interface LayerHistograms {
  readonly activation: Histogram;
  readonly error: Histogram;
  readonly gradient: Histogram;
  readonly weighted: Histogram;
}

/** Gathers the shifts of image after image. */
export class Calibration {
  private readonly layers: LayerHistograms[];
  /** Of the last layer, for the largest loss gradient. */
  private readonly largest = { error: new Histogram(), gradient: new Histogram(), weighted: new Histogram() };

  constructor(layerCount: number) {
    this.layers = Array.from({ length: layerCount }, () => ({
      activation: new Histogram(),
      error: new Histogram(),
      gradient: new Histogram(),
      weighted: new Histogram(),
    }));
  }

  add(image: BatchResult): void {
    for (const [index, seen] of image.layers.entries()) {
      const layer = this.layers[index]!;
      layer.activation.add(seen.activationShift);
      if (!image.anyLoss) continue;
      layer.error.add(seen.errorShift);
      layer.gradient.add(seen.gradientBits);
      layer.weighted.add(seen.weightedGradientBits);
    }
    const last = image.layers.at(-1);
    if (!image.anyLoss || last === undefined) return;
    // errors and gradients of the last layer grow with its delta; those below are scaled anew for each image
    const missing = LARGEST_DELTA_BITS - last.deltaBits;
    this.largest.error.add(Math.max(0, last.errorBits + missing - ACTIVATION_BITS));
    this.largest.gradient.add(last.gradientBits + missing);
    this.largest.weighted.add(last.weightedGradientBits + missing);
  }

  /** The shifts of every layer. Throws DataError CALIBRATION_EMPTY when no image had a loss. */
  shifts(settings: CalibrationSettings): LayerShifts[] {
    const last = this.layers.length - 1;
    const {
      lastErrorCorrection = DEFAULT_LAST_ERROR_CORRECTION,
      firstScoreCorrection = DEFAULT_FIRST_SCORE_CORRECTION,
      largestLoss = false,
    } = settings;
    return this.layers.map((all, index) => {
      const layer = largestLoss && index === last ? { ...all, ...this.largest } : all;
      const gradientBits = layer.gradient.mode();
      const weightedBits = layer.weighted.mode();
      if (gradientBits === undefined || weightedBits === undefined) {
        throw new DataError(
          'CALIBRATION_EMPTY',
          'no image had a loss gradient, so there is nothing to choose error and score shifts from',
          'calibrate with more images, or with --calibrate transfer at the angle to be learned',
        );
      }
      const error = layer.error.mode()! + (index === last ? lastErrorCorrection : 0);
      const scoreCorrection = index === 0 ? firstScoreCorrection : 0;
      return {
        activation: layer.activation.mode()!,
        ...(index === 0 ? {} : { error: Math.max(0, error) }),
        score: Math.max(0, Math.max(0, weightedBits - settings.scoreMu) + scoreCorrection),
        gradient: Math.max(0, gradientBits - settings.gradientMu),
      };
    });
  }
}

/** The images to calibrate on, of the network's size: `count` of a set from `first` on, shifted. */
export interface CalibrationImages {
  readonly set: ImageSet;
  readonly first: number;
  readonly count: number;
  readonly shifts: readonly Shift[];
}

/** Returns the network with static shifts chosen from the images. */
export async function calibrate(
  network: Network,
  images: CalibrationImages,
  settings: CalibrationSettings,
  signal?: AbortSignal,
  onProgress?: (images: number) => void,
): Promise<Network> {
  return withShifts(network, (await observeShifts(network, images, signal, onProgress)).shifts(settings));
}

/**
 * Returns the network with these shifts, one entry a layer; a sum_pool takes the first two alone, for it learns nothing.
 * @throws DataError BIAS_OUT_OF_SCALE when they put a bias where the arithmetic does not reach
 */
export function withShifts(network: Network, shifts: readonly LayerShifts[]): Network {
  const layers = network.layers.map((layer, index) => {
    const { score: _, gradient: __, ...first } = shifts[index]!;
    return { ...layer, shifts: layer.op === 'sum_pool' ? first : shifts[index]! };
  });
  checkBiasScales(layers, network.inputExponent);
  return { ...network, layers };
}

/** Observes what shifts the images ask for, one at a time, all edges kept, no update. */
export async function observeShifts(
  network: Network,
  images: CalibrationImages,
  signal?: AbortSignal,
  onProgress?: (images: number) => void,
): Promise<Calibration> {
  const engine = await BatchEngine.open(network, 1);
  const calibration = new Calibration(network.layers.length);
  for (let index = 0; index < images.count; index++) {
    signal?.throwIfAborted();
    engine.image(0).set(shiftedInputs(images.set, images.first + index, images.shifts));
    calibration.add(engine.observe(images.set.labels.subarray(images.first + index, images.first + index + 1)));
    if (index % 64 === 63) {
      onProgress?.(index + 1);
      await giveWay();
    }
  }
  return calibration;
}
