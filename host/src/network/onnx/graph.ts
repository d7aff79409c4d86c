/** An ONNX file as a graph: its nodes in an order in which they can be computed, constants and inputs by name. */
import { DataError } from '../../errors.js';
import { malformed, type NodePlace, shortened, unsupported } from './refusal.js';
import { type AttributeProto, type GraphProto, type ModelProto, modelSchema, type TensorProto } from './schema.js';
import { type ReadExternal, readTensor, type Tensor } from './tensor.js';
import { decode } from './wire.js';

/** Bytes of a file, at most: the edges of the largest network in doubles, and as much again. */
export const MAX_FILE_BYTES = 2 ** 28;
/** Far more than 32 layers take; a file beyond them is refused before it has cost much. */
const MAX_FIELDS = 200_000;
const MAX_NUMBERS = 2 ** 25;
const MAX_NODES = 20_000;

export const LOWEST_OPSET = 7;
export const HIGHEST_OPSET = 21;

/** One operation. Left-out optional inputs are ''. */
export interface GraphNode extends NodePlace {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** A graph input: sizes that the file leaves open are undefined. */
export interface GraphInput {
  readonly name: string;
  readonly shape: readonly (number | undefined)[];
}

export interface Graph {
  readonly opset: number;
  /** `pytorch 1.13.1`, as the file says. */
  readonly producer: string;
  /** The nodes in topological order. */
  readonly nodes: readonly GraphNode[];
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The inputs without those that have an initial value. */
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly string[];
}

/** The attributes of a node, by name and type. */
export class Attributes {
  constructor(
    private readonly place: NodePlace,
    private readonly byName: ReadonlyMap<string, AttributeProto>,
    private readonly readExternal: ReadExternal,
  ) {}

  has(name: string): boolean {
    return this.byName.has(name);
  }

  integer(name: string, fallback: number): number {
    return this.byName.get(name)?.i ?? fallback;
  }

  float(name: string, fallback: number): number {
    return this.byName.get(name)?.f ?? fallback;
  }

  /**
   * Reads an attribute.
   * @param fallback undefined: the attribute must be there
   */
  integers(name: string, fallback?: readonly number[]): readonly number[] {
    const found = this.byName.get(name)?.ints ?? fallback;
    if (found === undefined) throw unsupported(this.place, `its attribute ${name} is missing`);
    return found;
  }

  floats(name: string): readonly number[] {
    return this.byName.get(name)?.floats ?? [];
  }

  text(name: string, fallback: string): string {
    const bytes = this.byName.get(name)?.s;
    return bytes === undefined ? fallback : new TextDecoder().decode(bytes);
  }

  tensor(name: string): Tensor | undefined {
    const proto = this.byName.get(name)?.t;
    return proto === undefined ? undefined : readTensor(proto, this.readExternal);
  }
}

/**
 * Reads an ONNX file's bytes. Constants are read only as far as nodes that lead to an output use them.
 *
 * @throws DataError ONNX_MALFORMED, ONNX_OPSET, ONNX_EXTERNAL_DATA, ONNX_UNSUPPORTED
 */
export function readGraph(data: Uint8Array, readExternal: ReadExternal): Graph {
  const model = decodeModel(data);
  const graph = model.graph;
  if (graph === undefined || graph.output.length === 0) throw malformed('it holds no graph with an output');
  if (graph.node.length > MAX_NODES)
    throw malformed(`its graph has ${graph.node.length} nodes; ${MAX_NODES} are allowed`);
  const opset = opsetOf(model);
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const inputs = graph.input
    .filter(({ name }) => !initializers.has(name))
    .map(({ name, type }) => ({
      name,
      shape: (type?.tensorType?.shape?.dim ?? []).map(({ dimValue }) => (dimValue > 0 ? dimValue : undefined)),
    }));
  const outputs = graph.output.map(({ name }) => name);
  const nodes = sorted(graph, nodesOf(graph, readExternal), outputs, initializers, inputs);
  return {
    opset,
    producer: [model.producerName, model.producerVersion]
      .filter((part) => part !== '')
      .map(shortened)
      .join(' '),
    nodes,
    constants: usedConstants(nodes, outputs, initializers, readExternal),
    inputs,
    outputs,
  };
}

function decodeModel(data: Uint8Array): ModelProto {
  if (data.length > MAX_FILE_BYTES) throw malformed(`it has ${data.length} bytes; ${MAX_FILE_BYTES} are allowed`);
  try {
    return decode(modelSchema, data, { fields: MAX_FIELDS, numbers: MAX_NUMBERS });
  } catch (cause) {
    throw malformed(`it is no ONNX file, or a damaged one: ${(cause as Error).message}`, cause);
  }
}

function opsetOf({ opsetImport }: ModelProto): number {
  const version = opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version;
  if (version === undefined) throw malformed('it does not say which version of the operators it uses');
  if (version >= LOWEST_OPSET && version <= HIGHEST_OPSET) return version;
  throw new DataError(
    'ONNX_OPSET',
    `it uses operators of version ${version}; ${LOWEST_OPSET} to ${HIGHEST_OPSET} are known here`,
    `export it with opset_version=${version < LOWEST_OPSET ? 13 : 18}`,
  );
}

function nodesOf(graph: GraphProto, readExternal: ReadExternal): GraphNode[] {
  return graph.node.map((proto, index) => {
    const domain = proto.domain === '' || proto.domain === 'ai.onnx' ? '' : `${proto.domain}.`;
    const place = { name: proto.name, operator: `${domain}${proto.opType}`, position: index + 1 };
    const byName = new Map(proto.attribute.map((attribute) => [attribute.name, attribute]));
    return {
      ...place,
      inputs: proto.input,
      outputs: proto.output,
      attributes: new Attributes(place, byName, readExternal),
    };
  });
}

/** The nodes that lead to an output, each after those it reads: some exporters write them from the end. */
function sorted(
  graph: GraphProto,
  nodes: readonly GraphNode[],
  outputs: readonly string[],
  initializers: ReadonlyMap<string, TensorProto>,
  inputs: readonly GraphInput[],
): GraphNode[] {
  const makers = new Map<string, GraphNode>();
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (makers.has(name)) throw malformed(`two nodes give the value ${JSON.stringify(shortened(name))}`);
      makers.set(name, node);
    }
  }
  const given = new Set([...initializers.keys(), ...inputs.map(({ name }) => name), ...graph.input.map((i) => i.name)]);
  const order: GraphNode[] = [];
  const done = new Set<GraphNode>();
  const open = new Set<GraphNode>();
  // a stack of our own: a chain of twenty thousand nodes must not exhaust the engine's
  const stack = outputs.map((name) => ({ node: makerOf(name, undefined), next: 0 })).reverse();
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const { node } = top;
    if (node === undefined || done.has(node)) {
      stack.pop();
      continue;
    }
    open.add(node);
    const input = node.inputs[top.next++];
    if (input === undefined) {
      order.push(node);
      done.add(node);
      open.delete(node);
      stack.pop();
      continue;
    }
    const maker = makerOf(input, node);
    if (maker === undefined || done.has(maker)) continue;
    if (open.has(maker))
      throw malformed(`its graph goes in a circle through the value ${JSON.stringify(shortened(input))}`);
    stack.push({ node: maker, next: 0 });
  }
  return order;

  function makerOf(name: string, reader: GraphNode | undefined): GraphNode | undefined {
    const maker = makers.get(name);
    if (maker === undefined && name !== '' && !given.has(name)) {
      const who =
        reader === undefined ? 'the graph gives out' : `node ${reader.position} (${shortened(reader.operator)}) reads`;
      throw malformed(`${who} ${JSON.stringify(shortened(name))}, which nothing gives`);
    }
    return maker;
  }
}

function usedConstants(
  nodes: readonly GraphNode[],
  outputs: readonly string[],
  initializers: ReadonlyMap<string, TensorProto>,
  readExternal: ReadExternal,
): Map<string, Tensor> {
  const constants = new Map<string, Tensor>();
  let elements = 0;
  for (const name of [...outputs, ...nodes.flatMap((node) => node.inputs)]) {
    const proto = initializers.get(name);
    if (proto === undefined || constants.has(name)) continue;
    const tensor = readTensor(proto, readExternal);
    elements += tensor.values.length;
    if (elements > MAX_NUMBERS) throw malformed(`its constants have more than ${MAX_NUMBERS} elements`);
    constants.set(name, tensor);
  }
  return constants;
}
