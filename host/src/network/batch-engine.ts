/**
 * The engine's kernels over minibatches, as a WebAssembly module in this thread (firmware/pretraining). One batch takes
 * milliseconds; callers give way between batches.
 */
import { readFileSync } from 'node:fs';
import { DataError, FailedError } from '../errors.js';
import { KeptModule } from '../kept-module.js';
import { encodeRequest } from '../link/messages.js';
import type { Network } from './network.js';
import { edgeCount, imageBytes } from './network-shape.js';
import { openNetworkRequest } from './open-network.js';
import { biasBytes } from './tensor-file.js';

const MODULE = new URL('../../pretraining/pretraining.wasm', import.meta.url);
const ENGINE_OK = 0;
const STATISTICS_WORDS = 6;

/** What one batch's tensors asked for (docs/arithmetic.md, "niti-dynamic" and "Calibration"). b is a bit width. */
export interface LayerStatistics {
  readonly activationShift: number;
  /** 0 in the first layer and without loss. */
  readonly errorShift: number;
  /** b(G) */
  readonly gradientBits: number;
  /** b(G * W); 0 for a batch that trained. */
  readonly weightedGradientBits: number;
  /** b(d) of the layer; 0 without loss. */
  readonly deltaBits: number;
  /** b of the error accumulators; 0 in the first layer and without loss. */
  readonly errorBits: number;
}

export interface BatchResult {
  readonly correct: number;
  /** Some loss gradient was not zero, so the backward pass ran. */
  readonly anyLoss: boolean;
  readonly layers: readonly LayerStatistics[];
}

interface Exports {
  memory: WebAssembly.Memory;
  request(): number;
  requestBytes(): number;
  images(): number;
  labels(): number;
  tensor(): number;
  statistics(): number;
  anyLoss(): number;
  faultText(): number;
  faultLayer(): number;
  open(requestLength: number, batchSize: number): number;
  writeBiases(): number;
  writeWeights(): number;
  readWeights(): number;
  runBatch(count: number, update: number, mu: number, sparsity: number): number;
}

/** A network whose weights are trained, or only watched, a batch at a time with dynamic shifts. */
export class BatchEngine {
  private readonly imageBytes: number;
  private readonly edges: number;

  private constructor(
    private readonly module: Exports,
    private readonly network: Network,
    readonly batchSize: number,
  ) {
    this.imageBytes = imageBytes(network);
    this.edges = edgeCount(network);
    if (network.biases !== undefined) {
      const bytes = biasBytes(network.biases);
      new Uint8Array(module.memory.buffer, module.tensor(), bytes.length).set(bytes);
      module.writeBiases();
    }
    new Int8Array(module.memory.buffer, module.tensor(), this.edges).set(network.weights);
    module.writeWeights();
  }

  /** Takes over `network.weights` as they are. Throws DataError NETWORK_REFUSED, naming the layer. */
  static async open(network: Network, batchSize: number): Promise<BatchEngine> {
    const instance = new WebAssembly.Instance(await kept.compile(readModule()), {});
    const module = instance.exports as unknown as Exports;
    const request = encodeRequest(
      1,
      'openNetwork',
      openNetworkRequest(network, { method: 'niti-dynamic', threshold: 0 }),
    );
    if (request.length > module.requestBytes())
      throw new DataError('NETWORK_REFUSED', 'the network has too many layers');
    new Uint8Array(module.memory.buffer, module.request(), request.length).set(request);
    if (module.open(request.length, batchSize) !== ENGINE_OK) {
      const layer = network.layers[module.faultLayer() - 1];
      const text = textAt(module.memory, module.faultText());
      throw new DataError('NETWORK_REFUSED', layer === undefined ? text : `layer ${layer.name}: ${text}`);
    }
    return new BatchEngine(module, network, batchSize);
  }

  /** Where image `index` of the next batch goes: HWC, 0..127. */
  image(index: number): Uint8Array {
    return new Uint8Array(this.module.memory.buffer, this.module.images() + index * this.imageBytes, this.imageBytes);
  }

  /** One update with steps of `mu` bits, and a penalty on activations, from the first `labels.length` images. */
  train(labels: Uint8Array, mu: number, sparsity: number): BatchResult {
    return this.run(labels, true, mu, sparsity);
  }

  /** Runs a batch as `train` does, without an update. */
  observe(labels: Uint8Array): BatchResult {
    return this.run(labels, false, 0, 0);
  }

  /** A copy of the weights, canonical order. */
  weights(): Int8Array {
    this.module.readWeights();
    return new Int8Array(this.module.memory.buffer, this.module.tensor(), this.edges).slice();
  }

  private run(labels: Uint8Array, update: boolean, mu: number, sparsity: number): BatchResult {
    const { module } = this;
    new Uint8Array(module.memory.buffer, module.labels(), labels.length).set(labels);
    const correct = module.runBatch(labels.length, update ? 1 : 0, mu, sparsity);
    const count = this.network.layers.length;
    const words = new Uint32Array(module.memory.buffer, module.statistics(), count * STATISTICS_WORDS);
    const layers = Array.from({ length: count }, (_, index) => {
      const [activationShift, errorShift, gradientBits, weightedGradientBits, deltaBits, errorBits] = words.subarray(
        index * STATISTICS_WORDS,
      ) as unknown as [number, number, number, number, number, number];
      return { activationShift, errorShift, gradientBits, weightedGradientBits, deltaBits, errorBits };
    });
    return { correct, anyLoss: module.anyLoss() !== 0, layers };
  }
}

const kept = new KeptModule();

function readModule(): Buffer<ArrayBuffer> {
  try {
    return readFileSync(MODULE);
  } catch (cause) {
    throw new FailedError('NOT_BUILT', `${MODULE.pathname} is missing`, 'run `make build`', {
      cause,
    });
  }
}

function textAt(memory: WebAssembly.Memory, address: number): string {
  const bytes = new Uint8Array(memory.buffer, address);
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
