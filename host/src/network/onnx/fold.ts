/**
 * Turns steps into layers: biases, batch normalisation and other scaling go into the weights, backward into the layer
 * that gave the values or forward into the one that reads them; pools and ReLUs are told to the layer they follow.
 */

import type { FloatConvolution, FloatLayer, FloatNetwork } from './float-network.js';
import { appendConstantChannel, foldInto, weightsOf } from './fold-weights.js';
import { type NodePlace, unsupported } from './refusal.js';
import { composed, identity, isIdentity, type Scaling, scalingOf, spreadOver } from './scaling.js';
import type { AffineStep, ConvolutionStep, LinearStep, MapShape, RectifyStep, Step } from './steps.js';
import type { Tensor } from './tensor.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The layers made so far, and the scaling that waits for the next one to take it in. */
class Folding {
  readonly layers: Writable<FloatLayer>[] = [];
  private input: Scaling | undefined;
  private pending: Scaling = identity(1);
  private closed = false;
  private readonly counts = new Map<string, number>();
  readonly warnings: string[] = [];

  take(step: Step): void {
    if (step.kind === 'convolution') this.convolution(step, step.input, step.output);
    else if (step.kind === 'linear') this.linear(step, step.input, step.output);
    else if (step.kind === 'affine') this.affine(step, step.output);
    else if (step.kind === 'rectify') this.rectify(step);
    else if (step.kind === 'max_pool') this.maxPool(step.node);
    else this.mean(step.node, step.input);
  }

  finish(): FloatNetwork {
    const last = this.layers.at(-1)!;
    if (last.op !== 'linear')
      throw unsupported(last.node, 'it is the last layer, which must be linear: one output a class');
    if (this.closed) {
      if (!isIdentity(this.pending))
        throw unsupported(last.node, 'its outputs are scaled after a ReLU, and then it is the last layer');
      last.relu = false;
      delete last.highest;
      this.warnings.push(
        'the ReLU after the last layer is left out: it changes which class is the largest only where none is positive',
      );
    }
    const first = this.layers[0]!;
    return { input: spreadOver(this.input!, first.input[2]), layers: this.layers };
  }

  private get last(): Writable<FloatLayer> | undefined {
    return this.layers.at(-1);
  }

  private convolution(step: ConvolutionStep, input: MapShape, output: MapShape): void {
    const [, , rows, columns] = step.weights.shape as readonly [number, number, number, number];
    const padded = step.padding.some((side) => side > 0);
    const coversMap = rows === input[0] && columns === input[1] && !padded;
    // over the whole map it is a linear layer, which may stand above other linear ones and may be the last
    if (coversMap && step.groups === 1) {
      this.add({ ...this.base('fc', step, input, output), op: 'linear' }, weightsOf(step));
      return;
    }
    if (this.last !== undefined && this.last.op !== 'conv2d') {
      throw unsupported(step.node, 'it is a convolution above a linear layer or an average');
    }
    const layer: FloatConvolution = {
      ...this.base('conv', step, input, output),
      op: 'conv2d',
      depthwise: step.groups > 1,
      kernel: [rows, columns],
      stride: step.stride,
      padding: step.padding,
      pool: false,
    };
    this.add(layer, weightsOf(step));
  }

  private linear(step: LinearStep, input: MapShape, output: MapShape): void {
    this.add({ ...this.base('fc', step, input, output), op: 'linear' }, step.weights);
  }

  private base(kind: string, step: { node: NodePlace; bias?: Tensor | undefined }, input: MapShape, output: MapShape) {
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    const bias = Float64Array.from(step.bias?.values ?? new Float64Array(output[2]));
    return { name: `${kind}${count}`, node: step.node, input, output, relu: false, weights: bias, bias };
  }

  /** Adds a layer that takes in what waits for it. */
  private add(layer: Writable<FloatLayer>, weights: Float64Array): void {
    layer.weights = weights.slice();
    if (this.input === undefined) {
      // what stands before the first layer stays apart: it joins the normalisation that the user names
      if (this.pending.over === 'feature')
        throw unsupported(layer.node, 'pixels are changed each by its own number before it');
      this.input = this.pending;
    } else if (!isIdentity(this.pending)) {
      this.takeIn(layer, this.pending);
    }
    this.layers.push(layer);
    this.pending = identity(layer.output[2]);
    this.closed = false;
  }

  private takeIn(layer: Writable<FloatLayer>, pending: Scaling): void {
    const padded = layer.op === 'conv2d' && layer.padding.some((side) => side > 0);
    const shifted = pending.shift.some((value) => value !== 0);
    if (!padded || !shifted) {
      foldInto(layer, pending);
      return;
    }
    // zeros around the map are not shifted; a channel that is 1 inside the map and 0 around it carries the shift exactly
    const below = this.last as Writable<FloatConvolution>;
    if (
      (below.highest ?? 1) < 1 ||
      below.depthwise ||
      (layer as FloatConvolution).depthwise ||
      pending.over === 'feature'
    ) {
      throw unsupported(
        layer.node,
        'it pads a map that was shifted after its ReLU (batch normalisation), which a depthwise convolution cannot make good',
      );
    }
    appendConstantChannel(below, layer as Writable<FloatConvolution>, pending);
    this.warnings.push(
      `layer ${below.name} has one more channel, always 1: the shift of the batch normalisation after its ReLU`,
    );
  }

  /** Into the layer below as long as nothing but its pool stands between, else into the one above. */
  private affine(step: AffineStep, map: MapShape): void {
    const scaling = scalingOf(step, map);
    const layer = this.last;
    const open = layer !== undefined && layer.op !== 'sum_pool' && !this.closed && isIdentity(this.pending);
    const pooled = layer?.op === 'conv2d' && layer.pool;
    const turns = scaling.scale.some((value) => value < 0);
    if (!open || scaling.over === 'feature' || (pooled && turns)) {
      this.pending = composed(this.pending, scaling, map[2]);
      return;
    }
    const { scale, shift } = spreadOver(scaling, map[2]);
    const fanIn = layer.weights.length / layer.bias.length;
    layer.bias.forEach((value, o, bias) => {
      bias[o] = value * scale[o]! + shift[o]!;
      for (let e = o * fanIn; e < (o + 1) * fanIn; e++) layer.weights[e]! *= scale[o]!;
    });
  }

  private rectify(step: RectifyStep): void {
    const layer = this.last;
    const { pending } = this;
    if (layer === undefined) {
      // pixels are not negative, so a ReLU of them is idle
      const idle = step.highest === undefined && pending.shift.every((value) => value >= 0);
      if (!idle) throw unsupported(step.node, 'it clips the image before the first layer');
      return;
    }
    if (layer.op !== 'sum_pool' && isIdentity(pending)) {
      layer.relu = true;
      this.closed = true;
      if (step.highest !== undefined) layer.highest = Math.min(layer.highest ?? Number.POSITIVE_INFINITY, step.highest);
      return;
    }
    const below = layer.op === 'sum_pool' ? this.layers.at(-2)! : layer;
    const positive = [...pending.scale, ...pending.shift].every((value) => value >= 0);
    if (below.relu && positive && step.highest === undefined) return;
    throw unsupported(
      step.node,
      'the scaling or average between it and the layer below (batch normalisation after a ReLU, or one that turns a pooled map round) cannot be moved into that layer',
    );
  }

  private maxPool(node: NodePlace): void {
    const layer = this.last;
    if (layer?.op !== 'conv2d' || layer.pool) {
      throw unsupported(node, 'a pool must follow a convolution, and one pool alone');
    }
    if (this.pending.over === 'feature' || this.pending.scale.some((value) => value < 0)) {
      throw unsupported(node, 'the scaling before it turns the map round, so its maximum would be a minimum');
    }
    layer.pool = true;
  }

  private mean(node: NodePlace, map: MapShape): void {
    const positions = map[0] * map[1];
    if (positions === 1) return;
    if (this.last?.op !== 'conv2d') throw unsupported(node, 'an average must follow a convolution');
    if (this.pending.over === 'feature') throw unsupported(node, 'the scaling before it differs by position');
    const { pending } = this;
    const output = [1, 1, map[2]] as const;
    const none = new Float64Array(0);
    const name = 'mean';
    this.layers.push({ op: 'sum_pool', name, node, input: map, output, relu: false, weights: none, bias: none });
    // the sum stands for the mean, so what reads it divides; the shift is the mean's already
    this.pending = { ...pending, scale: pending.scale.map((value) => value / positions) };
    this.closed = false;
  }
}

/**
 * Makes layers of steps.
 *
 * @throws DataError ONNX_UNSUPPORTED for a sequence that is no network here
 */
export function foldSteps(steps: readonly Step[]): { network: FloatNetwork; warnings: readonly string[] } {
  const folding = new Folding();
  for (const step of steps) folding.take(step);
  if (folding.layers.length === 0)
    throw unsupported(steps[0]!.node, 'the network has neither convolutions nor linear layers');
  return { network: folding.finish(), warnings: folding.warnings };
}
