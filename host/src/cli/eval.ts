/** `priot eval`: accuracy of a network on a device, with or without a learned state. */
import { type Command, Option } from 'commander';
import type { DatasetName } from '../dataset/dataset.js';
import type { Faults } from '../device/faulty/faults.js';
import type { NetworkFile } from '../network/network-file.js';
import type { RunManifest } from '../runs/run-manifest.js';
import {
  angleOption,
  belowThresholdOption,
  dataDirOption,
  datasetOption,
  deviceOption,
  evalSamplesOption,
  faultsOption,
  jsonOption,
  modelOption,
  quietOption,
} from './options.js';
import { defaultModel } from './package-files.js';

interface EvalOptions {
  device?: string;
  model: string;
  run?: string;
  state?: string;
  belowThreshold?: string;
  dataset: DatasetName;
  dataDir?: string;
  angle: number;
  evalSamples?: number;
  faults?: Faults;
  json?: true;
  quiet?: true;
}

export function register(program: Command): void {
  program
    .command('eval')
    .description('accuracy of a network on rotated test images, frozen or with a learned state')
    .addOption(deviceOption())
    .addOption(modelOption(defaultModel))
    .addOption(
      new Option(
        '--run <run>',
        'the learned state of a run; network, data set and angle are those of the run',
      ).conflicts(['model', 'state', 'belowThreshold']),
    )
    .option('--state <file>', 'a learned state: int8, a byte an edge, canonical order')
    .addOption(belowThresholdOption())
    .addOption(datasetOption())
    .addOption(dataDirOption())
    .addOption(angleOption())
    .addOption(evalSamplesOption('all'))
    .addOption(faultsOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(evaluateCommand);
}

async function evaluateCommand(options: EvalOptions, command: Command): Promise<void> {
  const { listenForInterruption } = await import('./interruption.js');
  const interruption = listenForInterruption('stopping');
  const { signal } = interruption;
  try {
    const { datasetNames } = await import('../dataset/dataset.js');
    const { UsageError } = await import('../errors.js');
    const { loadNetwork } = await import('../network/network-file.js');
    const { completeMethodRequest, setUpMethod } = await import('../training/method-request.js');
    const { evaluatePersistently } = await import('../training/evaluation.js');
    const { InputImages } = await import('../training/input-images.js');
    const { loadDatasetShown } = await import('./load-dataset.js');
    const { openDevice } = await import('../sessions/open-device.js');
    const { showDevice } = await import('./device-lines.js');
    const { resolveModel } = await import('./package-files.js');
    const { Progress } = await import('./progress.js');
    const { InputStore } = await import('./run-inputs.js');
    const { checkImages, evaluatedImages } = await import('./training-request.js');

    const manifest = options.run === undefined ? undefined : await manifestOf(options.run);
    const asked = manifest?.asked;
    const given = <K extends 'dataset' | 'angle'>(key: K) => command.getOptionValueSource(key) === 'cli';
    const name = given('dataset') ? options.dataset : (asked?.dataset ?? options.dataset);
    const angle = given('angle') ? options.angle : (asked?.angle ?? options.angle);
    const dataDir = options.dataDir ?? asked?.dataDir;
    const known = datasetNames.find((dataset) => dataset === name);
    if (known === undefined) throw new UsageError('UNKNOWN_DATASET', `no data set is called ${name}`);
    const { belowThreshold } = options;
    const frozen = (file: NetworkFile) => {
      const asked = { method: 'priot' as const, ...(belowThreshold === undefined ? {} : { belowThreshold }) };
      return setUpMethod(completeMethodRequest(asked, file.network), file.network, 0);
    };
    const { network, settings } =
      manifest === undefined
        ? frozen(loadNetwork(resolveModel(options.model)))
        : (await new InputStore().load({ ...manifest.asked, ...(dataDir && { dataDir }) }, manifest, signal)).plan;
    const learned = await learnedState(options, network.weights.length);

    const dataset = await loadDatasetShown(known, dataDir, signal);
    checkImages(network, dataset);
    const images = evaluatedImages(options.evalSamples, dataset.test);

    const { faults } = options;
    const connection = await openDevice(
      { device: options.device ?? asked?.device, faults },
      { signal, onEvent: showDevice },
    );
    const { place } = connection.link;
    const progress = new Progress('accuracy', images, options.quiet === true);
    try {
      // Every edge at 127 is kept, so the state of a frozen network does not matter.
      const state = learned ?? new Int8Array(network.weights.length).fill(127);
      const inputs = new InputImages(dataset.test, 0, images, angle);
      let correct = 0;
      const frozen = learned === undefined;
      for await (const count of evaluatePersistently(connection, { network, settings, state }, inputs, {
        frozen,
        signal,
      })) {
        correct = count.correct;
        progress.update(count.images, `accuracy ${(correct / count.images).toFixed(3)}`);
      }
      progress.finish();
      const result = { place, images, correct, accuracy: correct / images };
      const which = learned === undefined ? 'frozen network' : 'learned state';
      const text = options.json
        ? JSON.stringify(result, null, 2)
        : `accuracy ${result.accuracy.toFixed(4)}: ${correct} of ${images} images of ${inputs.name} at ${angle} degrees, ${which}, ${place}`;
      process.stdout.write(`${text}\n`);
    } finally {
      progress.finish();
      await connection.close();
    }
  } finally {
    interruption.dispose();
  }
}

async function manifestOf(run: string): Promise<RunManifest> {
  const { readManifest } = await import('../runs/run-folder.js');
  return readManifest(run);
}

/** undefined: the frozen network was asked for. @throws DataError TENSOR_MALFORMED, NO_STATE */
async function learnedState(options: EvalOptions, edges: number): Promise<Int8Array | undefined> {
  if (options.state !== undefined) {
    const { readStateFile } = await import('../network/tensor-file.js');
    return readStateFile(options.state, edges);
  }
  if (options.run === undefined) return undefined;
  const { existsSync, readFileSync } = await import('node:fs');
  const { join } = await import('node:path');
  const { DataError } = await import('../errors.js');
  const { decodeCheckpoint } = await import('../runs/checkpoint.js');
  const { runFiles } = await import('../runs/run-folder.js');
  const path = join(options.run, runFiles.checkpoint);
  const checkpoint = existsSync(path) ? decodeCheckpoint(readFileSync(path), path) : undefined;
  if (checkpoint === undefined || checkpoint.state.length !== edges) {
    throw new DataError(
      'NO_STATE',
      `${options.run} holds no learned state of this network`,
      `go on with it: priot train --resume ${options.run}`,
    );
  }
  return Int8Array.from(checkpoint.state, (byte) => (byte << 24) >> 24);
}
