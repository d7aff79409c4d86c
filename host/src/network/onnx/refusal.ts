/** Why an ONNX file cannot become a network, in words that lead to the place in it. */
import { DataError } from '../../errors.js';

/** Where in a file: what a message names. */
export interface NodePlace {
  /** The node's name as the file has it; may be empty. */
  readonly name: string;
  readonly operator: string;
  /** 1-based, in the file's order. */
  readonly position: number;
}

/** Says which node: `node "/fc1/Gemm" (Gemm, the 7th of the file)`. */
export function nodeText({ name, operator, position }: NodePlace): string {
  const called = name === '' ? 'a node without a name' : `node ${JSON.stringify(shortened(name))}`;
  return `${called} (${shortened(operator)}, node ${position} of the file)`;
}

/** Makes the error of a node that has no counterpart in a network. `reason` says why, as a clause. */
export function unsupported(node: NodePlace, reason: string, remedy?: string): DataError {
  return new DataError(
    'ONNX_UNSUPPORTED',
    `${nodeText(node)}: ${reason}`,
    remedy ?? 'see docs/onnx.md for what is accepted',
  );
}

/** Makes the error of a file that is damaged, hostile or no ONNX file. */
export function malformed(reason: string, cause?: unknown): DataError {
  return new DataError(
    'ONNX_MALFORMED',
    reason,
    'export the model again; a file in order passes onnx.checker',
    cause === undefined ? {} : { cause },
  );
}

/** Shortens names from a file, which may be of any length and hold anything. */
export function shortened(name: string): string {
  const printable = name.replace(/[^\x20-\x7e]/g, '?');
  return printable.length > 80 ? `${printable.slice(0, 77)}...` : printable;
}
