/** Constant tensors of an ONNX file as plain arrays of numbers. */
import { malformed, shortened } from './refusal.js';
import { DataType, type TensorProto } from './schema.js';

/** Elements of a constant, at most: twice the edges of the largest network. */
export const MAX_ELEMENTS = 2 ** 25;
const MAX_RANK = 8;

/** Row-major values; a scalar has the shape []. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array;
  /** The values are of an integer type: a shape, axes, quantised weights. Their range, for QuantizeLinear. */
  readonly integer?: IntegerRange;
}

export interface IntegerRange {
  readonly lowest: number;
  readonly highest: number;
}

/** Reads bytes of another file that a tensor names. Throws DataError. */
export type ReadExternal = (entries: ReadonlyMap<string, string>, bytes: number, tensor: string) => Uint8Array;

interface ElementType {
  readonly bytes: number;
  readonly get: (view: DataView, offset: number) => number;
  /** Which list of numbers holds it when there are no raw bytes. */
  readonly list: 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data';
  readonly range?: IntegerRange;
  /** What an element of `list` stands for; left out: itself. */
  readonly ofList?: (value: number) => number;
}

const unsigned = (bits: number): IntegerRange => ({ lowest: 0, highest: 2 ** bits - 1 });
const signed = (bits: number): IntegerRange => ({ lowest: -(2 ** (bits - 1)), highest: 2 ** (bits - 1) - 1 });

const types: Readonly<Record<number, ElementType>> = {
  [DataType.float]: { bytes: 4, get: (view, at) => view.getFloat32(at, true), list: 'floatData' },
  [DataType.double]: { bytes: 8, get: (view, at) => view.getFloat64(at, true), list: 'doubleData' },
  [DataType.float16]: { bytes: 2, get: (view, at) => half(view.getUint16(at, true)), list: 'int32Data', ofList: half },
  [DataType.bfloat16]: {
    bytes: 2,
    get: (view, at) => brain(view.getUint16(at, true)),
    list: 'int32Data',
    ofList: brain,
  },
  [DataType.uint8]: { bytes: 1, get: (view, at) => view.getUint8(at), list: 'int32Data', range: unsigned(8) },
  [DataType.int8]: { bytes: 1, get: (view, at) => view.getInt8(at), list: 'int32Data', range: signed(8) },
  [DataType.uint16]: { bytes: 2, get: (view, at) => view.getUint16(at, true), list: 'int32Data', range: unsigned(16) },
  [DataType.int16]: { bytes: 2, get: (view, at) => view.getInt16(at, true), list: 'int32Data', range: signed(16) },
  [DataType.int32]: { bytes: 4, get: (view, at) => view.getInt32(at, true), list: 'int32Data', range: signed(32) },
  [DataType.uint32]: { bytes: 4, get: (view, at) => view.getUint32(at, true), list: 'uint64Data', range: unsigned(32) },
  [DataType.int64]: {
    bytes: 8,
    get: (view, at) => Number(view.getBigInt64(at, true)),
    list: 'int64Data',
    range: signed(53),
  },
  [DataType.uint64]: {
    bytes: 8,
    get: (view, at) => Number(view.getBigUint64(at, true)),
    list: 'uint64Data',
    range: unsigned(53),
  },
  [DataType.bool]: { bytes: 1, get: (view, at) => view.getUint8(at), list: 'int32Data', range: unsigned(1) },
};

/** Says what range an integer type has; undefined for others. */
export function integerRange(dataType: number): IntegerRange | undefined {
  return types[dataType]?.range;
}

/**
 * Reads a tensor. Sizes are checked before anything is allocated.
 *
 * @throws DataError ONNX_MALFORMED, and what `readExternal` throws
 */
export function readTensor(proto: TensorProto, readExternal: ReadExternal): Tensor {
  const name = `tensor ${JSON.stringify(shortened(proto.name))}`;
  const type = types[proto.dataType];
  if (type === undefined) throw malformed(`${name} has elements of type ${proto.dataType}, which no weights have`);
  const count = elementCount(proto.dims, name);
  const values = proto.dataType === DataType.float ? new Float32Array(count) : new Float64Array(count);
  const integer = type.range === undefined ? {} : { integer: type.range };
  const bytes = storedBytes(proto, count * type.bytes, name, readExternal);
  if (bytes !== undefined) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < count; i++) values[i] = type.get(view, i * type.bytes);
  } else {
    const list = proto[type.list];
    if (list.length !== count) throw malformed(`${name} has ${list.length} elements; its shape says ${count}`);
    for (let i = 0; i < count; i++) values[i] = type.ofList?.(list[i]!) ?? list[i]!;
  }
  if (!values.every(Number.isFinite)) throw malformed(`${name} holds infinities or numbers that are none (NaN)`);
  return { shape: [...proto.dims], values, ...integer };
}

/** Counts the elements of a shape. @throws DataError ONNX_MALFORMED when there are too many */
export function elementCount(shape: readonly number[], name: string): number {
  if (shape.length > MAX_RANK) throw malformed(`${name} has ${shape.length} dimensions; ${MAX_RANK} are allowed`);
  let count = 1;
  for (const side of shape) {
    if (!Number.isInteger(side) || side < 0) throw malformed(`${name} has a side of ${side}`);
    count *= side;
    if (count > MAX_ELEMENTS) {
      throw malformed(`${name} of ${shape.join('x')} has more than ${MAX_ELEMENTS} elements`);
    }
  }
  return count;
}

function storedBytes(
  proto: TensorProto,
  expected: number,
  name: string,
  readExternal: ReadExternal,
): Uint8Array | undefined {
  if (proto.dataLocation === 1) {
    return readExternal(new Map(proto.externalData.map(({ key, value }) => [key, value])), expected, name);
  }
  const raw = proto.rawData;
  if (raw === undefined || (raw.length === 0 && expected > 0)) return undefined;
  if (raw.length !== expected) throw malformed(`${name} has ${raw.length} bytes; its shape and type say ${expected}`);
  return raw;
}

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a binary32. */
function brain(bits: number): number {
  return new Float32Array(Uint32Array.of((bits & 0xffff) * 0x10000).buffer)[0]!;
}
