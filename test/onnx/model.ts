/** ONNX files made in tests: graphs as the exporters write them, with numbers of our own. */
import { AttributeType, DataType, modelSchema } from '#host/network/onnx/schema.js';
import { encode } from '#host/network/onnx/wire.js';

export type AttributeValue = number | string | readonly number[] | TensorSpec;

/** [operator, inputs, outputs, attributes, name]. Attributes that are whole numbers are ints; wrap others in `float`. */
export type NodeSpec = readonly [
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Readonly<Record<string, AttributeValue | { readonly float: number }>>,
  name?: string,
];

export interface TensorSpec {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly type?: keyof typeof DataType;
  /** How the numbers are stored; left out: as raw bytes. */
  readonly stored?: 'raw' | 'list' | 'external';
  /** Of external data: what the file says. */
  readonly external?: Readonly<Record<string, string>>;
}

export interface ModelSpec {
  readonly opset?: number;
  readonly irVersion?: number;
  readonly producer?: string;
  readonly nodes: readonly NodeSpec[];
  readonly constants?: Readonly<Record<string, TensorSpec>>;
  /** Sizes; a name for one that is open. */
  readonly input: readonly (number | string)[];
  readonly inputName?: string;
  /** Further inputs, by name. */
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  /** Constants that are inputs too, as files before IR version 4 have them. */
  readonly constantsAreInputs?: boolean;
  readonly outputs?: readonly string[];
  readonly domains?: readonly { readonly domain: string; readonly version: number }[];
}

/** Writes a file. */
export function model(spec: ModelSpec): Uint8Array {
  const { opset = 13, nodes, constants = {}, outputs = [nodes.at(-1)![2][0]!] } = spec;
  const named = Object.entries({ [spec.inputName ?? 'image']: spec.input, ...spec.inputs });
  const values = (entries: readonly (readonly [string, readonly (number | string)[]])[]) =>
    entries.map(([name, shape]) => ({
      name,
      type: {
        tensorType: {
          elemType: DataType[constants[name]?.type ?? 'float'],
          shape: {
            dim: shape.map((side) =>
              typeof side === 'number' ? { dimValue: side, dimParam: '' } : { dimValue: 0, dimParam: side },
            ),
          },
        },
      },
    }));
  const constantInputs = spec.constantsAreInputs
    ? Object.entries(constants).map(([name, { shape }]) => [name, shape] as const)
    : [];
  return encode(modelSchema, {
    irVersion: spec.irVersion ?? 7,
    producerName: spec.producer ?? 'test',
    producerVersion: '1',
    opsetImport: [{ domain: '', version: opset }, ...(spec.domains ?? [])],
    graph: {
      name: 'graph',
      docString: '',
      node: nodes.map(([operator, input, output, attributes = {}, name = '']) => {
        const [domain, opType] = operator.includes('.')
          ? [operator.slice(0, operator.lastIndexOf('.')), operator.slice(operator.lastIndexOf('.') + 1)]
          : ['', operator];
        const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
        return { input, output, name, opType, domain, attribute };
      }),
      initializer: Object.entries(constants).map(([name, tensor]) => tensorOf(name, tensor)),
      input: values([...named, ...constantInputs]),
      output: outputs.map((name) => ({ name, type: undefined })),
    },
  });
}

function attributeOf(name: string, value: AttributeValue | { readonly float: number }) {
  const empty = { name, f: 0, i: 0, s: undefined, t: undefined, floats: [], ints: [], type: 0 };
  if (typeof value === 'number') return { ...empty, i: value, type: AttributeType.int };
  if (typeof value === 'string') return { ...empty, s: new TextEncoder().encode(value), type: AttributeType.string };
  if ('float' in value) return { ...empty, f: value.float, type: AttributeType.float };
  if ('shape' in value) return { ...empty, t: tensorOf('', value), type: AttributeType.tensor };
  return { ...empty, ints: value, type: AttributeType.ints };
}

export function tensorOf(name: string, { shape, values, type = 'float', stored = 'raw', external }: TensorSpec) {
  const empty = {
    dims: shape,
    dataType: DataType[type],
    name,
    floatData: [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    rawData: undefined,
    externalData: [],
    dataLocation: 0,
  };
  if (stored === 'external') {
    const externalData = Object.entries(external ?? {}).map(([key, value]) => ({ key, value }));
    return { ...empty, dataLocation: 1, externalData };
  }
  if (stored === 'raw') return { ...empty, rawData: rawBytes(values, type) };
  if (type === 'float') return { ...empty, floatData: values };
  if (type === 'double') return { ...empty, doubleData: values };
  return type === 'int64' ? { ...empty, int64Data: values } : { ...empty, int32Data: values };
}

export function rawBytes(values: readonly number[], type: keyof typeof DataType): Uint8Array {
  const arrays = {
    float: Float32Array,
    double: Float64Array,
    int8: Int8Array,
    uint8: Uint8Array,
    int32: Int32Array,
  } as const;
  if (type === 'int64') return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  const array = arrays[type as keyof typeof arrays];
  return new Uint8Array(array.from(values).buffer);
}

/** Numbers between -0.5 and 0.5 that depend on nothing but the seed and the shape. */
export function weights(shape: readonly number[], seed = 1): TensorSpec {
  return { shape, values: uniform(shape, seed).map((value) => value - 0.5) };
}

/** Numbers between 0.5 and 1.5: scales and variances. */
export function positives(shape: readonly number[], seed = 1): TensorSpec {
  return { shape, values: uniform(shape, seed).map((value) => value + 0.5) };
}

export function int64(...values: number[]): TensorSpec {
  return { shape: [values.length], values, type: 'int64' };
}

function uniform(shape: readonly number[], seed: number): number[] {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
  const count = shape.reduce((product, side) => product * side, 1);
  return Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return Math.fround(state / 2 ** 32);
  });
}

/** Pixels of 0..255, HWC. */
export function pixels(height: number, width: number, channels: number, seed = 7): Uint8Array {
  return Uint8Array.from(uniform([height, width, channels], seed), (value) => Math.floor(value * 256));
}
