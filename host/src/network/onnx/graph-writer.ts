/** Writes an ONNX graph node by node: names, attributes and tensors. */
import { AttributeType, DataType, type ModelProto, modelSchema, type NodeProto, type TensorProto } from './schema.js';
import { encode } from './wire.js';

/** Operators as of this version are in every runtime of the last years; quantisation needs 13. */
const OPSET = 13;
/** What goes with that version. */
const IR_VERSION = 7;

type Attribute = number | string | readonly number[];

/** A graph with one input and one output. */
export class GraphWriter {
  private readonly nodes: NodeProto[] = [];
  private readonly tensors: TensorProto[] = [];
  private values = 0;

  /** Adds a node, named after the layer it belongs to, and returns the name of its output. */
  node(
    operator: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = `value${++this.values}`,
  ): string {
    const attribute = Object.entries(attributes).map(([key, value]) => {
      const empty = { name: key, f: 0, i: 0, s: undefined, t: undefined, floats: [], ints: [] };
      if (typeof value === 'number') return { ...empty, i: value, type: AttributeType.int };
      if (typeof value !== 'string') return { ...empty, ints: value, type: AttributeType.ints };
      return { ...empty, s: new TextEncoder().encode(value), type: AttributeType.string };
    });
    this.nodes.push({ input: inputs, output: [output], name, opType: operator, attribute, domain: '' });
    return output;
  }

  int8(name: string, shape: readonly number[], values: Int8Array): string {
    return this.tensor(name, shape, DataType.int8, new Uint8Array(values.buffer, values.byteOffset, values.length));
  }

  float(name: string, shape: readonly number[], values: Float32Array): string {
    return this.tensor(
      name,
      shape,
      DataType.float,
      littleEndian(values.length, 4, (view, i) => view.setFloat32(i * 4, values[i]!, true)),
    );
  }

  int64(name: string, values: readonly number[]): string {
    const bytes = littleEndian(values.length, 8, (view, i) => view.setBigInt64(i * 8, BigInt(values[i]!), true));
    return this.tensor(name, [values.length], DataType.int64, bytes);
  }

  /** Ends the graph. Sizes that are undefined are left open: the batch. */
  finish(
    graph: { readonly name: string; readonly description: string },
    input: { readonly name: string; readonly shape: readonly (number | undefined)[] },
    output: { readonly name: string; readonly shape: readonly (number | undefined)[] },
    producer: { readonly name: string; readonly version: string },
  ): Uint8Array {
    const model: ModelProto = {
      irVersion: IR_VERSION,
      producerName: producer.name,
      producerVersion: producer.version,
      docString: graph.description,
      opsetImport: [{ domain: '', version: OPSET }],
      graph: {
        node: this.nodes,
        name: graph.name,
        initializer: this.tensors,
        docString: graph.description,
        input: [valueInfo(input)],
        output: [valueInfo(output)],
      },
    };
    return encode(modelSchema, model);
  }

  private tensor(name: string, dims: readonly number[], dataType: number, rawData: Uint8Array): string {
    const lists = { floatData: [], int32Data: [], int64Data: [], doubleData: [], uint64Data: [], externalData: [] };
    this.tensors.push({ ...lists, dims, dataType, name, rawData, dataLocation: 0 });
    return name;
  }
}

function valueInfo({ name, shape }: { name: string; shape: readonly (number | undefined)[] }) {
  const dim = shape.map((side) => ({ dimValue: side ?? 0, dimParam: side === undefined ? 'batch' : '' }));
  return { name, type: { tensorType: { elemType: DataType.float, shape: { dim } } } };
}

function littleEndian(count: number, bytes: number, set: (view: DataView, index: number) => void): Uint8Array {
  const buffer = new ArrayBuffer(count * bytes);
  const view = new DataView(buffer);
  for (let i = 0; i < count; i++) set(view, i);
  return new Uint8Array(buffer);
}
