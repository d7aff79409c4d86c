/** Loads the data set of a session, telling of downloads. */
import { type Dataset, type LoadOptions, loadDataset } from '../dataset/dataset.js';
import type { DownloadProgress } from '../dataset/download.js';
import { sha256 } from '../files.js';
import type { Context, DownloadEvent } from './events.js';

/** Which data set, and how it is read. */
export interface DatasetRequest extends Pick<LoadOptions, 'dataDir' | 'transpose' | 'split' | 'channels' | 'labels'> {
  readonly dataset: string;
}

/** Picks from options what says which data set is read and how. */
export function datasetRequest({
  dataset,
  dataDir,
  transpose,
  split,
  channels,
  labels,
}: DatasetRequest): DatasetRequest {
  return { dataset, dataDir, transpose, split, channels, labels };
}

/**
 * Loads the data set of a request and reports its downloads.
 * @throws what loadDataset throws
 */
export function loadSessionDataset(
  request: DatasetRequest,
  { signal, onEvent }: Context<DownloadEvent>,
): Promise<Dataset> {
  const { dataset, ...how } = datasetRequest(request);
  return loadDataset(dataset, {
    ...how,
    signal,
    onProgress: (progress) => onEvent?.(downloadEvent(progress)),
  });
}

/** Gives one digest for the files of a data set: SHA-256 over their names and checksums. */
export function datasetDigest({ provenance: { files } }: Dataset): string {
  const lines = files.map((file) => `${file.name} ${file.sha256}\n`).sort();
  return sha256(lines.join(''));
}

export function downloadEvent({ name, receivedBytes, totalBytes }: DownloadProgress): DownloadEvent {
  return { type: 'download', file: name, bytes: receivedBytes, of: totalBytes ?? null };
}
