/** Shows downloads on standard error: nothing in the first two seconds, then a line that is rewritten, or, where
 * standard error is no terminal, a line every few seconds. */

import type { DownloadEvent } from '../sessions/events.js';
import { standardError, type TextOutput } from './terminal.js';

const QUIET_MS = 2_000;
const LINE_INTERVAL_MS = 5_000;
const REWRITE_INTERVAL_MS = 100;

export interface DownloadProgressDisplay {
  readonly update: (download: DownloadEvent) => void;
  /** Ends the line that is being rewritten, if there is one. */
  readonly end: () => void;
}

/** Makes a display of download events. */
export function showDownloads(
  stream: TextOutput = standardError,
  now: () => number = () => performance.now(),
): DownloadProgressDisplay {
  const startedMs = now();
  let shownMs = Number.NEGATIVE_INFINITY;
  let open = false;
  return {
    update(download) {
      const nowMs = now();
      if (nowMs - startedMs < QUIET_MS) return;
      const complete = download.bytes === download.of;
      const intervalMs = stream.rewrites ? REWRITE_INTERVAL_MS : LINE_INTERVAL_MS;
      if (nowMs - shownMs < intervalMs && !(complete && open)) return;
      shownMs = nowMs;
      if (stream.rewrites) {
        stream.write(`\r\x1b[K${describe(download).slice(-((stream.columns ?? 80) - 1))}`);
        open = true;
      } else {
        stream.write(`${describe(download)}\n`);
      }
    },
    end() {
      if (open) stream.write('\n');
      open = false;
    },
  };
}

function describe({ file, bytes, of }: DownloadEvent): string {
  const megabytes = (count: number) => (count / 1e6).toFixed(1);
  if (of === null) return `${file}: ${megabytes(bytes)} MB`;
  const percent = of === 0 ? 100 : Math.floor((100 * bytes) / of);
  return `${file}: ${megabytes(bytes)} of ${megabytes(of)} MB (${percent} %)`;
}
