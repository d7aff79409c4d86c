import { join } from 'node:path';

const preload = join(import.meta.dirname, 'failing-writes.mjs');

/**
 * The environment in which `writes` writes and syncs of files in `folder` succeed, and then the disk is full or the
 * process is killed in the middle of a write (failing-writes.mjs).
 */
export function failingWrites(fault: 'full' | 'kill', folder: string, writes: number): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${preload}`,
    PRIOT_FAULT: fault,
    PRIOT_FAULT_FOLDER: folder,
    PRIOT_FAULT_WRITES: String(writes),
  };
}
