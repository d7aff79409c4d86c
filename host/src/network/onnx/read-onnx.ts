/** An ONNX file as a network of real numbers. Nothing of the file is trusted: what it holds is checked before it costs anything. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../../errors.js';
import { limits } from '../limits.js';
import { externalReader } from './external-data.js';
import { type FloatNetwork, pooledShape } from './float-network.js';
import { foldSteps } from './fold.js';
import { MAX_FILE_BYTES, readGraph } from './graph.js';
import { interpret } from './interpret.js';
import { malformed, unsupported } from './refusal.js';
import type { ReadExternal } from './tensor.js';

export interface OnnxNetwork {
  readonly network: FloatNetwork;
  /** `pytorch 1.13.0`, as the file says; may be empty. */
  readonly producer: string;
  readonly opset: number;
  /** Notices for the user: what was cut, what was taken otherwise. */
  readonly warnings: readonly string[];
}

/**
 * Reads an ONNX file; tensors may stand in other files beside it.
 *
 * @throws DataError FILE_MISSING, FILE_UNREADABLE, and as parseOnnx
 */
export function readOnnx(path: string): OnnxNetwork {
  return parseOnnx(readBounded(path), externalReader(path));
}

/**
 * Reads the bytes of an ONNX file.
 *
 * @throws DataError ONNX_MALFORMED, ONNX_OPSET, ONNX_UNSUPPORTED naming the node, ONNX_EXTERNAL_DATA
 */
export function parseOnnx(data: Uint8Array, readExternal: ReadExternal): OnnxNetwork {
  const graph = readGraph(data, readExternal);
  const { steps, warnings } = interpret(graph);
  const folded = foldSteps(steps);
  checkLimits(folded.network);
  const { producer, opset } = graph;
  return { network: folded.network, producer, opset, warnings: [...warnings, ...folded.warnings] };
}

function readBounded(path: string): Uint8Array {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const status = fstatSync(file);
    if (!status.isFile()) throw malformed(`${path} is no file`);
    if (status.size > MAX_FILE_BYTES)
      throw malformed(`${path} has ${status.size} bytes; ${MAX_FILE_BYTES} are allowed`);
    const data = Buffer.alloc(status.size);
    let done = 0;
    for (let read = -1; done < data.length && read !== 0; done += read) {
      read = readSync(file, data, done, data.length - done, done);
    }
    return data.subarray(0, done);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new DataError('FILE_MISSING', `no such file: ${path}`, 'check the path', { cause });
    }
    throw new DataError('FILE_UNREADABLE', `cannot read ${path} (${code})`, 'check that it may be read', { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function checkLimits({ layers, input }: FloatNetwork): void {
  const last = layers.at(-1)!;
  let edges = 0;
  for (const layer of layers) {
    edges += layer.weights.length;
    const map = Math.max(...[layer.input, layer.output].map(([height, width, channels]) => height * width * channels));
    if (map > limits.mapElements)
      throw unsupported(layer.node, `its map has ${map} values; ${limits.mapElements} are allowed`);
    if (layer.op === 'conv2d' && Math.max(...layer.kernel, ...layer.stride, ...layer.padding) > limits.side) {
      throw unsupported(layer.node, `its kernel, stride or padding is larger than ${limits.side}`);
    }
    if (Math.min(...pooledShape(layer)) < 1) throw unsupported(layer.node, 'nothing is left of its map');
    if (![...layer.bias].every(Number.isFinite) || !layer.weights.every(Number.isFinite)) {
      throw unsupported(layer.node, 'its weights are too large once batch normalisation is folded into them');
    }
  }
  if (![...input.scale, ...input.shift].every(Number.isFinite))
    throw unsupported(layers[0]!.node, 'its input is scaled beyond all numbers');
  if (layers.length > limits.layers)
    throw unsupported(last.node, `it is layer ${layers.length}; ${limits.layers} are allowed`);
  if (edges > limits.edges) throw unsupported(last.node, `the network has ${edges} edges; ${limits.edges} are allowed`);
  const classes = last.output[2];
  if (classes < 2) throw unsupported(last.node, 'it gives one number; a class is the largest of at least two');
  if (classes > limits.classes)
    throw unsupported(last.node, `it gives ${classes} classes; ${limits.classes} are allowed`);
}
