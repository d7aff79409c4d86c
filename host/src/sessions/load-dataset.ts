/** Loads the data set of a session, telling of downloads. */
import { type Dataset, type DatasetName, loadDataset } from '../dataset/dataset.js';
import type { DownloadProgress } from '../dataset/download.js';
import type { Context, DownloadEvent } from './events.js';

/**
 * Loads a data set and reports its downloads.
 * @throws what loadDataset throws
 */
export function loadSessionDataset(
  name: DatasetName,
  dataDir: string | undefined,
  { signal, onEvent }: Context<DownloadEvent>,
): Promise<Dataset> {
  return loadDataset(name, {
    dataDir,
    signal,
    onProgress: (progress) => onEvent?.(downloadEvent(progress)),
  });
}

export function downloadEvent({ name, receivedBytes, totalBytes }: DownloadProgress): DownloadEvent {
  return { type: 'download', file: name, bytes: receivedBytes, of: totalBytes ?? null };
}
