/** Tensors whose data stand in a second file beside the model, as exporters write large ones. */
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { DataError } from '../../errors.js';
import { malformed, shortened } from './refusal.js';
import type { ReadExternal } from './tensor.js';

/**
 * Reads from files in the model's folder or below it, and from nowhere else: neither by `..` nor by a link.
 *
 * @param modelFile path of the ONNX file
 */
export function externalReader(modelFile: string): ReadExternal {
  return (entries, bytes, tensor) => {
    const location = entries.get('location') ?? '';
    const offset = wholeNumber(entries.get('offset') ?? '0');
    const length = wholeNumber(entries.get('length') ?? String(bytes));
    if (offset === undefined || length !== bytes) {
      throw malformed(
        `${tensor} is ${bytes} bytes by its shape; its data are said to be ${shortened(String(entries.get('length')))} at ${shortened(String(entries.get('offset')))}`,
      );
    }
    const data = Buffer.alloc(bytes);
    const path = inside(dirname(resolve(modelFile)), location, tensor);
    const file = openSync(path, 'r');
    try {
      let done = 0;
      while (done < bytes) {
        const read = readSync(file, data, done, bytes - done, offset + done);
        if (read === 0) throw malformed(`${tensor}: ${shortened(location)} ends before byte ${offset + bytes}`);
        done += read;
      }
    } finally {
      closeSync(file);
    }
    return data;
  };
}

function inside(folder: string, location: string, tensor: string): string {
  const path = resolve(folder, location);
  const leaves = (from: string, to: string): boolean => {
    const way = relative(from, to);
    return way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way);
  };
  if (location === '' || location.includes('\0') || isAbsolute(location) || leaves(folder, path)) {
    throw new DataError(
      'ONNX_EXTERNAL_DATA',
      `${tensor} wants its data from ${JSON.stringify(shortened(location))}, which is not in the model's folder`,
      'put the data beside the ONNX file, or export into one file',
    );
  }
  let real: string;
  try {
    real = realpathSync(path);
  } catch (cause) {
    throw new DataError(
      'ONNX_EXTERNAL_DATA',
      `${tensor} has its data in ${shortened(location)}, which is missing`,
      'copy that file beside the ONNX file, or export into one file',
      { cause },
    );
  }
  if (leaves(realpathSync(folder), real) || !statSync(real).isFile()) {
    throw new DataError(
      'ONNX_EXTERNAL_DATA',
      `${tensor} has its data in ${shortened(location)}, which is a link out of the model's folder or no file`,
      'put the data beside the ONNX file, or export into one file',
    );
  }
  return real;
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
