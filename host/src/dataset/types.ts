/** What a data set is to the rest of the program. */

import type { ImageSet } from './image-set.js';

/** The data sets that are known by name. Any other is a folder or a file of the user's (own/). */
export const datasetNames = ['mnist', 'cifar10', 'digits'] as const;
export type DatasetName = (typeof datasetNames)[number];

/** Exactly which data this is: what a run records. */
export interface DatasetProvenance {
  /**
   * SHA-256 of each file's decompressed bytes. digits: of pixels, then labels. Folders of images: one entry a class, over
   * the names and checksums of its images. NumPy archives: one entry an array.
   */
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
  /** Where it was found: `--data-dir FOLDER`, `cache FOLDER`, `generated`, `images in FOLDER`. */
  readonly source: string;
}

/** A data set in memory. Both halves have images of one size and the same classes. */
export interface Dataset {
  /** `mnist`, or for a user's own set the name of its folder or file. */
  readonly name: string;
  /** One a class, by label: for people, in runs and confusion matrices. */
  readonly classNames: readonly string[];
  readonly train: ImageSet;
  readonly test: ImageSet;
  readonly provenance: DatasetProvenance;
}
