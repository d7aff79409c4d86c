/** Shows downloads on standard error: nothing in the first two seconds, then a line that is rewritten, or, where
 * standard error is no terminal, a line every few seconds. */

import type { DownloadProgress } from '../dataset/download.js';

const QUIET_MS = 2_000;
const LINE_INTERVAL_MS = 5_000;
const REWRITE_INTERVAL_MS = 100;

export interface DownloadProgressDisplay {
  readonly update: (progress: DownloadProgress) => void;
  /** Ends the line that is being rewritten, if there is one. */
  readonly end: () => void;
}

/** A display for `loadDataset` and `fetchDataset` (`onProgress: display.update`). */
export function showDownloads(
  stream: { readonly isTTY?: boolean; write(text: string): unknown } = process.stderr,
  now: () => number = () => performance.now(),
): DownloadProgressDisplay {
  const startedMs = now();
  let shownMs = Number.NEGATIVE_INFINITY;
  let open = false;
  return {
    update(progress) {
      const nowMs = now();
      if (nowMs - startedMs < QUIET_MS) return;
      const complete = progress.receivedBytes === progress.totalBytes;
      const intervalMs = stream.isTTY ? REWRITE_INTERVAL_MS : LINE_INTERVAL_MS;
      if (nowMs - shownMs < intervalMs && !(complete && open)) return;
      shownMs = nowMs;
      if (stream.isTTY) {
        stream.write(`\r\x1b[K${describe(progress)}`);
        open = true;
      } else {
        stream.write(`${describe(progress)}\n`);
      }
    },
    end() {
      if (open) stream.write('\n');
      open = false;
    },
  };
}

function describe({ name, receivedBytes, totalBytes }: DownloadProgress): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  if (totalBytes === undefined) return `${name}: ${megabytes(receivedBytes)} MB`;
  const percent = totalBytes === 0 ? 100 : Math.floor((100 * receivedBytes) / totalBytes);
  return `${name}: ${megabytes(receivedBytes)} of ${megabytes(totalBytes)} MB (${percent} %)`;
}
