/** Writes a network, with what a run learned, as a quantised ONNX file. */
import { basename } from 'node:path';
import { DataError } from '../errors.js';
import { replaceFile } from '../files.js';
import type { Network } from '../network/network.js';
import { effectiveWeights, type LearnedState } from '../network/onnx/effective-weights.js';
import { exportNetwork } from '../network/onnx/export.js';
import { type ExportOptions, exportOptions } from '../options/onnx.js';
import { complete } from '../options/option.js';
import { defaultModel } from '../options/training.js';
import { readManifest } from '../runs/run-folder.js';
import { stateOfRun } from './evaluate.js';
import type { CommonEvent, Context } from './events.js';
import { InputCache } from './inputs.js';
import { packageDescription } from './package-files.js';
import { planSession } from './train.js';

/** What `priot export --json` prints. */
export interface ExportDocument {
  /** The file that was made. */
  readonly file: string;
  readonly bytes: number;
  readonly edges: number;
  /** Edges whose weight is not the frozen one: pruned, negated or trained. */
  readonly changed: number;
  /** Layers whose sums might exceed what floats hold exactly; of all others every sum is the device's. */
  readonly inexactLayers: readonly string[];
}

/**
 * Exports a network. With a run, its data set is read again: the run's shifts were chosen on it.
 * @throws UsageError of the options; DataError of network, run and data set, NETWORK_NOT_CALIBRATED, EXPORT_NOT_STATIC; the
 *   signal's reason
 */
export async function exportOnnx(options: ExportOptions, context: Context<CommonEvent> = {}): Promise<ExportDocument> {
  const given = complete('export', exportOptions, options);
  const { network, weights, description } =
    given.run === undefined
      ? frozen(given.model ?? defaultModel)
      : await learned(given.run, given.model, given.dataDir, context);
  const { file, inexactLayers } = exportNetwork(network, {
    name: basename(given.out, '.onnx'),
    description: `${description} ${inputText}`,
    producer: { name: 'priot', version: packageDescription().version },
    weights,
  });
  replaceFile(given.out, [file], 'name another file with --out');
  const changed = weights.reduce((sum, weight, edge) => sum + (weight === network.weights[edge] ? 0 : 1), 0);
  return { file: given.out, bytes: file.length, edges: weights.length, changed, inexactLayers };
}

const inputText =
  'Input: pixels 0..255 as float, batch x channels x height x width. Output: logits, one per class; the first of the largest is the prediction.';

interface Exported {
  readonly network: Network;
  readonly weights: Int8Array;
  readonly description: string;
}

function frozen(model: string): Exported {
  const { network } = new InputCache().network(model);
  return { network, weights: network.weights, description: `${basename(model)}, frozen.` };
}

async function learned(
  run: string,
  model: string | undefined,
  dataDir: string | undefined,
  context: Context<CommonEvent>,
): Promise<Exported> {
  const manifest = readManifest(run);
  const { asked } = manifest;
  if (asked.method === 'niti-dynamic') {
    throw new DataError(
      'EXPORT_NOT_STATIC',
      `${run} is a run of niti-dynamic, whose shifts follow each image; a file of fixed scales cannot say that`,
      'train with niti-static or priot',
    );
  }
  const request = { ...asked, ...(model && { model }), ...(dataDir && { dataDir }) };
  const inputs = await new InputCache().load(request, manifest, context);
  const { network, settings } = planSession(inputs, manifest);
  const { method, threshold, scored } = settings;
  const state: LearnedState = {
    method,
    threshold,
    state: stateOfRun(run, network.weights.length),
    ...(scored && { scored }),
  };
  const weights = effectiveWeights(network, state);
  return { network, weights, description: `${basename(asked.model)} with what ${method} learned in ${basename(run)}.` };
}
