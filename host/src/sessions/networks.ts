/** Networks as scripts read them. */
import { loadNetwork as loadFolder, type NetworkFile } from '../network/network-file.js';
import { resolveModel } from './package-files.js';

/**
 * Reads a network: that of a folder, or, where there is no such folder, the package's own of that name
 * (`models/tiny-cnn-mnist`).
 * @throws DataError FILE_MISSING, NETWORK_MALFORMED, WEIGHTS_MALFORMED
 */
export function loadNetwork(model: string): NetworkFile {
  return loadFolder(resolveModel(model));
}
