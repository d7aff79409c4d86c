/**
 * The image on its way through a graph: which steps it has taken, and how each axis of its tensor is made of rows,
 * columns and channels. So a flatten, a Transpose or a Reshape costs nothing, and the order in which a linear layer reads
 * its inputs is known however the exporter wrote it.
 */

import {
  type Atom,
  type Axis,
  atomName,
  axisOf,
  BATCH,
  before,
  MAP_AXES,
  regrouped,
  sameAxis,
  stepOf,
} from './axes.js';
import type { GraphNode } from './graph.js';
import { type NodePlace, unsupported } from './refusal.js';
import { shownShape } from './shapes.js';
import type { AffineStep, MapShape, NewStep, RectifyStep, Spread, Step } from './steps.js';
import type { Tensor } from './tensor.js';

/** Where an image's axes stand when nothing has said which is which. */
interface Binding {
  readonly map: MapShape;
  /** Names of the axes that are height, width and channel; undefined for one of size 1. */
  readonly axes: readonly (string | undefined)[];
}

/** What a node reads: the image, a constant, or nothing (an optional input that is left out). */
export type Operand = Flow | Tensor | undefined;

/** Tells the image from a constant. */
export function isFlow(operand: Operand): operand is Flow {
  return operand instanceof Flow;
}

/** The image after some steps. */
export class Flow {
  private constructor(
    readonly axes: readonly Axis[],
    private readonly binding: Binding | undefined,
    /** The steps up to here, the last first. */
    private readonly last: { readonly step: Step; readonly before: Flow } | undefined,
    /** Number of steps. */
    readonly depth: number,
    /** The name of the graph input it begins with. */
    readonly input: string,
  ) {}

  /** Begins with a graph input. */
  static ofInput(name: string, shape: readonly (number | undefined)[]): Flow {
    const axes = shape.map((size = 1, position): Axis => {
      const axis = position === 0 && hasBatch(shape) ? BATCH : `axis ${position}`;
      return axisOf([{ axis, size, step: 1 }]);
    });
    return new Flow(axes, undefined, undefined, 0, name);
  }

  get shape(): number[] {
    return this.axes.map((axis) => axis.size);
  }

  /** The map as the next layer reads it; for an image that no layer has read, undefined. */
  get map(): MapShape | undefined {
    return this.binding?.map;
  }

  /** The steps from the image on. */
  steps(): Step[] {
    const steps: Step[] = [];
    for (let flow: Flow = this; flow.last !== undefined; flow = flow.last.before) steps.push(flow.last.step);
    return steps.reverse();
  }

  /** Orders the axes anew. */
  transposed(perm: readonly number[]): Flow {
    return this.withAxes(perm.map((axis) => this.axes[axis]!));
  }

  /** Groups the same values into other axes, row-major. @throws DataError ONNX_UNSUPPORTED */
  reshaped(node: GraphNode, shape: readonly number[]): Flow {
    const axes = regrouped(this.axes, shape);
    if (axes === undefined)
      throw unsupported(node, `it makes ${shownShape(shape)} of ${shownShape(this.shape)}, which mixes axes`);
    return this.withAxes(axes);
  }

  /** Adds a step that leaves the map's shape and the tensor's axes as they are. */
  through(step: AffineStep | RectifyStep): Flow {
    const map = this.binding?.map ?? ([0, 0, 0] as const);
    return this.after({ ...step, input: map, output: map }, this.axes, this.binding);
  }

  /** Adds a step that gives a new map: its tensor has these sizes at these axes, and 1 elsewhere. */
  to(step: NewStep, output: MapShape, positions: readonly (number | undefined)[]): Flow {
    const axes = this.axes.map((axis, position): Axis => {
      const which = positions.indexOf(position);
      if (which >= 0) return axisOf([{ axis: MAP_AXES[which]!, size: output[which]!, step: 1 }]);
      return axis.atoms.some((atom) => atom.axis === BATCH) ? axis : axisOf([]);
    });
    const binding = { map: output, axes: MAP_AXES };
    return this.after({ ...step, input: this.binding!.map, output } as Step, axes, binding);
  }

  /**
   * Says at which axes of the tensor the map's height, width and channels stand, those given being read as such from an
   * image that nothing has read yet. @throws DataError ONNX_UNSUPPORTED when the tensor is arranged otherwise
   */
  readMap(node: NodePlace, positions: readonly [number, number, number]): Flow {
    if (this.axes.length !== 4 || !this.batchAt(0)) {
      throw unsupported(node, `its input of ${shownShape(this.shape)} is no batch of maps`);
    }
    const found = positions.map((position) => this.axes[position]!.atoms);
    const map = positions.map((position) => this.axes[position]!.size) as unknown as MapShape;
    if (this.binding === undefined) {
      if (found.some((atoms) => atoms.length > 1))
        throw unsupported(node, 'an axis of its input is several of the image');
      const [height, width] = found.map((atoms) => atoms[0]);
      if (height !== undefined && width !== undefined && !before(height, width)) {
        throw unsupported(node, "it takes the image's columns for rows");
      }
      return this.bound({ map, axes: found.map((atoms) => atoms[0] && atomName(atoms[0])) });
    }
    const whole = found.every((atoms, which) => this.isWhole(atoms, which));
    if (!whole) throw unsupported(node, `its input of ${shownShape(this.shape)} has the layers' axes in another order`);
    return this;
  }

  /** Says at which axis the channels stand, whole and alone; undefined when nowhere. */
  channelAxis(): number | undefined {
    if (this.binding === undefined) return undefined;
    const position = this.axes.findIndex((axis) => axis.atoms.length > 0 && this.isWhole(axis.atoms, 2));
    return position < 0 ? undefined : position;
  }

  /** Tells whether these axes hold the map's rows and columns, and nothing else. */
  holdsPositions(axes: readonly number[]): boolean {
    const inside = axes.flatMap((axis) => this.axes[axis]!.atoms);
    const outside = this.axes.filter((_, axis) => !axes.includes(axis)).flatMap((axis) => axis.atoms);
    const isPosition = ({ axis }: Atom): boolean => axis === MAP_AXES[0] || axis === MAP_AXES[1];
    return inside.every(isPosition) && !outside.some(isPosition);
  }

  /** Tells whether an axis holds the batch, or nothing. */
  batchAt(axis: number): boolean {
    return this.axes[axis]!.atoms.every((atom) => atom.axis === BATCH);
  }

  /**
   * Reads an axis that holds all features, each in the order of the tensor, as the canonical order.
   *
   * @returns the flow with its map known, and the canonical index of every position of the axis
   * @throws DataError ONNX_UNSUPPORTED
   */
  readFeatures(node: NodePlace, axis: number): { flow: Flow; order: Uint32Array } {
    const others = this.axes.filter((_, position) => position !== axis).flatMap(({ atoms }) => atoms);
    if (others.some((atom) => atom.axis !== BATCH)) {
      throw unsupported(node, `it reads one axis of ${shownShape(this.shape)}; a linear layer reads a map whole`);
    }
    const { atoms } = this.axes[axis]!;
    if (atoms.some((atom) => atom.axis === BATCH)) throw unsupported(node, 'it sums over the batch');
    const flow = this.binding === undefined ? this.bound(this.flatBinding(node, atoms)) : this;
    return { flow, order: flow.canonicalIndices(node, [this.axes[axis]!]) };
  }

  /**
   * Spreads a constant that is broadcast against the tensor over what the map has.
   *
   * @returns one value, one a channel or feature; for an image that no layer has read, one or one a channel, and the
   *   flow then has this axis as its channels
   * @throws DataError ONNX_UNSUPPORTED
   */
  spread(node: NodePlace, tensor: Tensor): Spread {
    const { shape, values } = tensor;
    if (values.length === 1) return { over: 'all', values: Float64Array.from(values) };
    const offset = this.axes.length - shape.length;
    const fits = shape.every((side, axis) => side === 1 || side === this.axes[axis + offset]?.size);
    if (!fits || shape.some((side, axis) => side > 1 && this.batchAt(axis + offset))) {
      throw unsupported(
        node,
        `its constant of ${shownShape(shape)} does not fit a tensor of ${shownShape(this.shape)}`,
      );
    }
    if (this.binding === undefined) throw unsupported(node, 'it changes pixels each by its own number');
    const varying = this.axes.filter((_, axis) => (shape[axis - offset] ?? 1) > 1);
    const fixed = this.axes.map((axis, position) => ((shape[position - offset] ?? 1) > 1 ? axis : axisOf([])));
    if (varying.every((axis) => axis.atoms.every((atom) => sameAxis(this.binding!.axes[2] ?? '', atom)))) {
      const channels = new Float64Array(this.binding.map[2]);
      this.canonicalIndices(node, fixed).forEach((channel, i) => {
        channels[channel] = values[i]!;
      });
      return { over: 'channel', values: channels };
    }
    const [height, width, count] = this.binding.map;
    const features = new Float64Array(height * width * count);
    if (features.length !== values.length) throw unsupported(node, 'its constant differs by rows or columns alone');
    this.canonicalIndices(node, fixed).forEach((feature, i) => {
      features[feature] = values[i]!;
    });
    return { over: 'feature', values: features };
  }

  /** Canonical index (height, width, channel) of every element of a tensor with these axes, row-major. */
  private canonicalIndices(node: NodePlace, axes: readonly Axis[]): Uint32Array {
    const { map, axes: names } = this.binding!;
    const strides = [map[1] * map[2], map[2], 1];
    let indices: number[] = [0];
    for (const atom of axes.flatMap(({ atoms }) => atoms)) {
      if (atom.axis === BATCH) continue;
      const which = names.findIndex((name) => name !== undefined && sameAxis(name, atom));
      if (which < 0) throw unsupported(node, 'its input has an axis that is part of one of the image');
      const stride = strides[which]! * (atom.step / stepOf(names[which]!));
      indices = indices.flatMap((index) => Array.from({ length: atom.size }, (_, i) => index + i * stride));
    }
    return Uint32Array.from(indices);
  }

  private isWhole(atoms: readonly Atom[], which: number): boolean {
    const { map, axes } = this.binding!;
    if (map[which] === 1) return atoms.length === 0;
    const [atom] = atoms;
    return atoms.length === 1 && atom!.size === map[which] && sameAxis(axes[which]!, atom!);
  }

  /** What a linear layer that reads an image first takes it for: nothing in the file says where the channels are. */
  private flatBinding(node: NodePlace, atoms: readonly Atom[]): Binding {
    const sorted = [...atoms].sort((a, b) => (before(a, b) ? -1 : 1));
    const names = sorted.map(atomName);
    const sizes = sorted.map((atom) => atom.size);
    const [first = 1, second = 1, third = 1] = sizes;
    if (sorted.length <= 1) return { map: [1, 1, first], axes: [undefined, undefined, names[0]] };
    if (sorted.length === 2) return { map: [first, second, 1], axes: [names[0], names[1], undefined] };
    if (sorted.length === 3 && first <= 4 && third > 4)
      return { map: [second, third, first], axes: [names[1], names[2], names[0]] };
    if (sorted.length === 3 && third <= 4 && first > 4) return { map: [first, second, third], axes: names };
    throw unsupported(node, `it does not show which axis of the image of ${shownShape(sizes)} are its channels`);
  }

  private bound(binding: Binding): Flow {
    return new Flow(this.axes, binding, this.last, this.depth, this.input);
  }

  private withAxes(axes: readonly Axis[]): Flow {
    return new Flow(axes, this.binding, this.last, this.depth, this.input);
  }

  private after(step: Step, axes: readonly Axis[], binding: Binding | undefined): Flow {
    return new Flow(axes, binding, { step, before: this }, this.depth + 1, this.input);
  }
}

/** Is the first axis the batch? Some exporters write a single image without: 28x28, 28x28x1, 3x32x32. */
function hasBatch(shape: readonly (number | undefined)[]): boolean {
  const [first = 1, second = 1, third = 1] = shape;
  if (shape.length === 2) return first !== second;
  if (shape.length === 3) return first > 4 && !(first === second && third <= 4);
  return shape.length > 3;
}
