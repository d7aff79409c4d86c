/** Loads the data set of a command, showing downloads. */
import { type Dataset, type DatasetName, loadDataset } from '../dataset/dataset.js';
import { showDownloads } from './download-progress.js';

/** @throws what loadDataset throws */
export function loadDatasetShown(
  name: DatasetName,
  dataDir: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Dataset> {
  const downloads = showDownloads();
  return loadDataset(name, { dataDir, signal, onProgress: downloads.update }).finally(downloads.end);
}
