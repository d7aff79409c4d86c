/** Run folders that have travelled: what their run.json says of places on one machine becomes what it is on another. */
import { dirname, resolve } from 'node:path';
import { runFiles } from '../runs/run-folder.js';
import { formatManifest, parseManifest, type RunManifest } from '../runs/run-manifest.js';

/** Where the things of a run are on this machine. */
export interface RunPlaces {
  /** The run folder. */
  readonly run: string;
  readonly model: string;
  /** The folder of the network's files. */
  readonly network: string;
  readonly dataset: string;
  readonly transferDir: string | undefined;
  readonly dataDir: string | undefined;
}

/**
 * Rewrites run.json among the files of a run folder; what decides numbers stays as it is.
 * @throws DataError RUN_MALFORMED, RUN_VERSION
 */
export function localised(files: ReadonlyMap<string, Uint8Array>, places: RunPlaces): Map<string, Uint8Array> {
  const json = files.get(runFiles.manifest);
  const manifest = parseManifest(
    json === undefined ? '' : Buffer.from(json).toString('utf8'),
    `run.json of ${places.run}`,
  );
  const { transferDir: _, dataDir: __, ...asked } = manifest.asked;
  const { run, model, network, dataset, transferDir, dataDir } = places;
  const here: RunManifest = {
    ...manifest,
    asked: {
      ...asked,
      model,
      dataset,
      ...(transferDir !== undefined && { transferDir }),
      ...(dataDir !== undefined && { dataDir }),
    },
    provenance: { ...manifest.provenance, network: { ...manifest.provenance.network, folder: resolve(network) } },
    ...(manifest.summary && { summary: { ...manifest.summary, run } }),
  };
  return new Map([...files, [runFiles.manifest, Buffer.from(formatManifest(here))]]);
}

/** Gives the folder of a network by the path of its file. */
export function networkFolder(path: string): string {
  return dirname(resolve(path));
}
