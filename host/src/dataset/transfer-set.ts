/** A set of images that is shifted already: photographs from the device's own camera, or a shift of the user's own making. */

import { DataError } from '../errors.js';
import type { Dataset } from './types.js';

/**
 * Checks that shifted images can stand in for the images of the set that a network was made for: one size,
 * and no class that the set has not got.
 *
 * @param source the set of `--dataset`
 * @param transfer the set of `--transfer-dir`, on which a session trains and is tested
 * @throws DataError MIXED_SIZES, BAD_CLASS_NAMES
 */
export function checkTransferSet(source: Dataset, transfer: Dataset): void {
  const size = ({ train: { height, width, channels } }: Dataset) => `${height}x${width}x${channels}`;
  if (size(source) !== size(transfer)) {
    throw new DataError(
      'MIXED_SIZES',
      `the images of ${transfer.name} are ${size(transfer)}, those of ${source.name} ${size(source)}`,
      'scale the shifted images to the size of the others; --channels makes them grey or colour',
    );
  }
  const named = (names: readonly string[]) => names.some((name, label) => name !== String(label));
  const bothNamed = named(source.classNames) && named(transfer.classNames);
  const label = transfer.classNames.findIndex((name, index) => {
    const wanted = source.classNames[index];
    return wanted === undefined || (bothNamed && name !== wanted);
  });
  if (label < 0) return;
  const wanted = source.classNames[label];
  throw new DataError(
    'BAD_CLASS_NAMES',
    `class ${label} is ${transfer.classNames[label]} in ${transfer.name}, and ${wanted ?? 'not there'} in ${source.name}`,
    'give both sets the same classes',
  );
}
