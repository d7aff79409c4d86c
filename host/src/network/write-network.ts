/** Writes network folders. */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CapacityError, DataError, PriotError, UsageError } from '../errors.js';
import { makeFolder } from '../files.js';
import type { Network } from './network.js';
import { networkToJson } from './network-file.js';
import { biasBytes } from './tensor-file.js';

/** How a network came to be, enough to make it again. Written beside the network keys, which readers take no notice of it for. */
export interface NetworkProvenance {
  readonly command: string;
  readonly madeBy: string;
  /** SHA-256 of the decompressed data files, by name. */
  readonly data: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** Throws UsageError MODEL_EXISTS when there is something at `folder`: networks are never overwritten. */
export function checkNewFolder(folder: string): void {
  if (existsSync(folder)) {
    throw new UsageError('MODEL_EXISTS', `${folder} exists`, 'name another folder with --out, or remove that one');
  }
}

/** Writes network.json, weights.bin and, where there are biases, bias.bin into a new folder, which appears whole or not at all. */
export function writeNetwork(folder: string, network: Network, provenance: NetworkProvenance): void {
  checkNewFolder(folder);
  const aside = `${folder}.part-${process.pid}`;
  try {
    makeFolder(aside);
    const json = { provenance, ...networkToJson(network) };
    writeFileSync(join(aside, 'network.json'), `${JSON.stringify(json, null, 2)}\n`);
    writeFileSync(join(aside, 'weights.bin'), network.weights);
    if (network.biases) writeFileSync(join(aside, 'bias.bin'), biasBytes(network.biases));
    renameSync(aside, folder);
  } catch (cause) {
    rmSync(aside, { recursive: true, force: true });
    if (cause instanceof PriotError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new CapacityError('DISK_FULL', `cannot write ${folder}: the disk is full`, 'make room and run it again', {
        cause,
      });
    }
    throw new DataError('MODEL_NOT_WRITTEN', `cannot write ${folder}: ${message}`, undefined, { cause });
  }
}
