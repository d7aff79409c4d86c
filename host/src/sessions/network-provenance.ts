/** What a network folder says of how it was made. */
import type { DatasetProvenance } from '../dataset/dataset.js';
import type { NetworkProvenance } from '../network/write-network.js';
import { packageDescription } from './package-files.js';

/**
 * Says how a network was made.
 * @param command the arguments of the command line; paths of this machine stay out
 */
export function networkProvenance(command: readonly string[], data: DatasetProvenance): NetworkProvenance {
  const words = command.filter((word) => !word.startsWith('--data-dir='));
  const machineOnly = words.indexOf('--data-dir');
  if (machineOnly >= 0) words.splice(machineOnly, 2);
  return {
    command: `priot ${words.join(' ')}`,
    madeBy: `priot ${packageDescription().version}`,
    data: Object.fromEntries(data.files.map(({ name, sha256 }) => [name, sha256])),
  };
}
