/**
 * A network as a quantised ONNX file that computes the device's very integers in floating point.
 *
 * Every value is a whole number of a power of two, which floats hold exactly up to 2^24. QuantizeLinear rounds halves to
 * even, the device rounds them up: a quarter of a unit, added before, decides every half upward and nothing else.
 */
import { DataError } from '../../errors.js';
import type { Conv2dLayer, LinearLayer, Network, NetworkLayer } from '../network.js';
import {
  hasPool,
  inputShape,
  layerBiases,
  layerOffsets,
  mapShape,
  outputCount,
  outputShape,
} from '../network-shape.js';
import { GraphWriter } from './graph-writer.js';
import { scaledBiases } from './integer-forward.js';

const MAX_VALUE = 127;
/** A quarter of a unit of the sums: between the halves that rounding could meet, and a power of two. */
const TOWARDS_UP = 0.25;
/** Whole numbers that a float holds, every one of them. */
const EXACT = 2 ** 24;

export interface ExportOptions {
  /** The name of the graph. */
  readonly name: string;
  /** What it is and how it was made; the input is described here. */
  readonly description: string;
  readonly producer: { readonly name: string; readonly version: string };
  /** The effective weights; left out: the frozen ones. */
  readonly weights?: Int8Array;
}

export interface ExportedNetwork {
  readonly file: Uint8Array;
  /**
   * Layers whose sums could be larger than floats hold exactly, by their weights and biases alone, whatever the image. Of all
   * others every sum is the device's.
   */
  readonly inexactLayers: readonly string[];
}

/**
 * Writes a network with static shifts as ONNX. Input `image`: pixels 0..255 as float, batch x channels x height x width (a
 * network that begins with a linear layer: batch x features, height, width, channel). Output `logits`.
 *
 * @throws DataError NETWORK_NOT_CALIBRATED when a layer has no static shift
 */
export function exportNetwork(network: Network, options: ExportOptions): ExportedNetwork {
  const { weights = network.weights, name, description, producer } = options;
  const graph = new GraphWriter();
  const offsets = layerOffsets(network);
  const inexactLayers: string[] = [];
  let exponent = network.inputExponent;
  let value = imageInput(graph, exponent);
  let bias = 0;
  for (const [index, layer] of network.layers.entries()) {
    const last = index === network.layers.length - 1;
    const own = weights.subarray(offsets[index]!, offsets[index]! + layer.edges);
    const biases = network.biases?.subarray(bias, bias + layerBiases(layer));
    bias += layerBiases(layer);
    const sumExponent = exponent + layer.weightExponent;
    const scaled = layer.biasExponent === undefined ? undefined : scaledBiases(biases, layer, sumExponent);
    const positive = index === 0 || network.layers[index - 1]!.relu;
    if (!isExact(layer, largestSum(layer, own, scaled, positive), last)) inexactLayers.push(layer.name);
    const written = new LayerWriter(graph, layer, sumExponent, last);
    value = written.sums(value, own, scaled, network.layers[index - 1]);
    if (last) break;
    const shift = layer.shifts?.activation;
    if (shift === undefined) {
      throw new DataError(
        'NETWORK_NOT_CALIBRATED',
        `layer ${layer.name} has no static activation shift, which a file of fixed numbers needs`,
        'choose shifts for good: priot calibrate; a run of niti-dynamic has none',
      );
    }
    value = written.requantised(value, shift);
    exponent = sumExponent + shift;
  }
  const [height, width, channels] = inputShape(network.layers[0]!);
  const shape = network.layers[0]!.op === 'linear' ? [channels] : [channels, height, width];
  const file = graph.finish(
    { name, description },
    { name: 'image', shape: [undefined, ...shape] },
    { name: 'logits', shape: [undefined, outputCount(network)] },
    producer,
  );
  return { file, inexactLayers };
}

/** Pixels are halved and rounded down as the host does, then count as that many 128ths. */
function imageInput(graph: GraphWriter, exponent: number): string {
  const halved = graph.node('Mul', 'input/Halve', ['image', graph.float('input/half', [], Float32Array.of(0.5))]);
  const whole = graph.node('Floor', 'input/Floor', [halved]);
  const unit = graph.float('input/unit', [], Float32Array.of(1));
  const zero = graph.int8('input/zero', [], Int8Array.of(0));
  const scale = graph.float('input/scale', [], Float32Array.of(2 ** exponent));
  const quantised = graph.node('QuantizeLinear', 'input/Quantize', [whole, unit, zero]);
  return graph.node('DequantizeLinear', 'input/Dequantize', [quantised, scale, zero]);
}

/** The nodes of one layer. */
class LayerWriter {
  constructor(
    private readonly graph: GraphWriter,
    private readonly layer: NetworkLayer,
    /** The exponent of the layer's sums: real value = sum * 2^exponent. */
    private readonly exponent: number,
    private readonly last: boolean,
  ) {}

  /** Adds up products and biases. */
  sums(input: string, weights: Int8Array, biases: Float64Array | undefined, below: NetworkLayer | undefined): string {
    const { graph, layer, exponent } = this;
    if (layer.op === 'sum_pool') {
      const axes = graph.int64(`${layer.name}/axes`, [2, 3]);
      return graph.node('ReduceSum', `${layer.name}/ReduceSum`, [input, axes], { keepdims: 0 });
    }
    const outputs = mapShape(layer)[2];
    const bias = Float32Array.from({ length: outputs }, (_, o) => (biases?.[o] ?? 0) * 2 ** exponent);
    const biasName = graph.float(`${layer.name}/bias`, [outputs], bias);
    if (layer.op === 'conv2d') return this.convolution(layer, input, weights, biasName);
    return this.linear(layer, input, weights, biasName, below);
  }

  /** Requantises: pool, ReLU, and rounding to int8 by a power of two. */
  requantised(sums: string, shift: number): string {
    const { graph, layer } = this;
    const scaleValue = 2 ** (this.exponent + shift);
    let value = sums;
    if (hasPool(layer)) {
      value = graph.node('MaxPool', `${layer.name}/MaxPool`, [value], { kernel_shape: [2, 2], strides: [2, 2] });
    }
    if (layer.relu) {
      value = graph.node('Relu', `${layer.name}/Relu`, [value]);
    } else {
      // int8 reaches to -128, the device to -127
      const lowest = graph.float(`${layer.name}/lowest`, [], Float32Array.of(-MAX_VALUE * scaleValue));
      const highest = graph.float(`${layer.name}/highest`, [], Float32Array.of(MAX_VALUE * scaleValue));
      value = graph.node('Clip', `${layer.name}/Clip`, [value, lowest, highest]);
    }
    // on its own, not in the bias: runtimes round biases to whole units when they fuse what stands around a quantisation
    const quarter = graph.float(`${layer.name}/quarter`, [], Float32Array.of(TOWARDS_UP * 2 ** this.exponent));
    value = graph.node('Add', `${layer.name}/RoundUp`, [value, quarter]);
    const scale = graph.float(`${layer.name}/scale`, [], Float32Array.of(scaleValue));
    const zero = graph.int8(`${layer.name}/zero`, [], Int8Array.of(0));
    const quantised = graph.node('QuantizeLinear', `${layer.name}/Quantize`, [value, scale, zero]);
    return graph.node('DequantizeLinear', `${layer.name}/Dequantize`, [quantised, scale, zero]);
  }

  private convolution(layer: Conv2dLayer, input: string, weights: Int8Array, bias: string): string {
    const { kernel, stride, padding, depthwise, outChannels } = layer;
    const channels = depthwise ? 1 : layer.inShape[2];
    const [rows, columns] = kernel;
    const ordered = new Int8Array(weights.length);
    for (let o = 0; o < outChannels; o++) {
      for (let tap = 0; tap < rows * columns; tap++) {
        for (let c = 0; c < channels; c++) {
          ordered[(o * channels + c) * rows * columns + tap] = weights[(o * rows * columns + tap) * channels + c]!;
        }
      }
    }
    const kernelName = this.weights(ordered, [outChannels, channels, rows, columns]);
    return this.graph.node('Conv', `${layer.name}/Conv`, [input, kernelName, bias], {
      kernel_shape: kernel,
      strides: stride,
      pads: padding,
      group: depthwise ? outChannels : 1,
    });
  }

  /** Reads a map flattened as ONNX has it: channel, height, width. */
  private linear(
    layer: LinearLayer,
    input: string,
    weights: Int8Array,
    bias: string,
    below: NetworkLayer | undefined,
  ): string {
    const { inFeatures, outFeatures } = layer;
    let ordered = weights;
    let value = input;
    if (below?.op === 'conv2d') {
      value = this.graph.node('Flatten', `${layer.name}/Flatten`, [input], { axis: 1 });
      const [height, width, channels] = outputShape(below);
      const positions = height * width;
      ordered = new Int8Array(weights.length);
      for (let o = 0; o < outFeatures; o++) {
        for (let i = 0; i < inFeatures; i++) {
          ordered[o * inFeatures + (i % channels) * positions + Math.floor(i / channels)] =
            weights[o * inFeatures + i]!;
        }
      }
    }
    const matrix = this.weights(ordered, [outFeatures, inFeatures]);
    const output = this.last ? 'logits' : undefined;
    return this.graph.node('Gemm', `${layer.name}/Gemm`, [value, matrix, bias], { transB: 1 }, output);
  }

  private weights(values: Int8Array, shape: readonly number[]): string {
    const { graph, layer } = this;
    const scale = graph.float(`${layer.name}/weight_scale`, [], Float32Array.of(2 ** layer.weightExponent));
    const zero = graph.int8(`${layer.name}/weight_zero`, [], Int8Array.of(0));
    const stored = graph.int8(`${layer.name}/weights`, shape, values);
    return graph.node('DequantizeLinear', `${layer.name}/Weights`, [stored, scale, zero]);
  }
}

/** Tells whether floats hold every sum, and with its quarter every one that is not saturated anyway. */
function isExact(layer: NetworkLayer, largest: number, last: boolean): boolean {
  const rounded = last ? 0 : (MAX_VALUE + 1) * 2 ** (layer.shifts?.activation ?? 0);
  return largest < EXACT && Math.min(largest, rounded) < EXACT * TOWARDS_UP;
}

/** Gives the largest magnitude that a sum of the layer can have, by its weights and biases, in whatever order it is added up. */
function largestSum(
  layer: NetworkLayer,
  weights: Int8Array,
  biases: Float64Array | undefined,
  positiveInputs: boolean,
): number {
  if (layer.op === 'sum_pool') return layer.inShape[0] * layer.inShape[1] * MAX_VALUE;
  const outputs = mapShape(layer)[2];
  const fanIn = weights.length / outputs;
  let largest = 0;
  for (let o = 0; o < outputs; o++) {
    const own = weights.subarray(o * fanIn, (o + 1) * fanIn);
    const up = own.reduce((sum, weight) => sum + Math.max(0, weight), 0);
    const down = own.reduce((sum, weight) => sum - Math.min(0, weight), 0);
    const sum = (positiveInputs ? Math.max(up, down) : up + down) * MAX_VALUE;
    largest = Math.max(largest, sum + Math.abs(biases?.[o] ?? 0));
  }
  return largest;
}
