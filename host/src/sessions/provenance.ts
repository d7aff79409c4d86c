/** What a run ran on: the provenance of run.json. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Dataset } from '../dataset/dataset.js';
import { ROTATION_VERSION } from '../dataset/rotation.js';
import { hexadecimal, sha256 } from '../files.js';
import type { Link } from '../link/link.js';
import type { NetworkFile } from '../network/network-file.js';
import type { FileChecksum, RunProvenance } from '../runs/run-manifest.js';
import { packageDescription, packageRoot } from './package-files.js';

/** Image that the host loads into each kind of device; a board's flash is not read. */
const imageFiles = {
  emulator: join(packageRoot, 'dist/firmware/priot.uf2'),
  simulator: join(packageRoot, 'dist/simulator/priot.wasm'),
  serial: null,
} as const;

/** Gives the path of the image that the host loads into a kind of device; null: it loads none. */
export function firmwareImage(kind: RunProvenance['device']['kind']): string | null {
  return imageFiles[kind];
}

/** Gives the digests of what this package puts on devices. */
export function packageFirmware(): { simulator: string; image: string } {
  const digest = (kind: 'simulator' | 'emulator') => sha256(readFileSync(firmwareImage(kind)!));
  return { simulator: digest('simulator'), image: digest('emulator') };
}

export function provenanceOf(
  link: Link,
  { file, source, transfer }: { readonly file: NetworkFile; readonly source: Dataset; readonly transfer?: Dataset },
  sessionId: Uint8Array,
): RunProvenance {
  const { hello } = link;
  const { kind, name, serialNumber } = link.device.description;
  const { version, dependencies } = packageDescription();
  const image = firmwareImage(kind);
  return {
    host: { priot: version, node: process.version, system: `${process.platform} ${process.arch}` },
    firmware: {
      commit: hello.firmwareCommit,
      compiler: hello.firmwareCompiler,
      flags: hello.firmwareFlags,
      imageSha256: image === null ? null : sha256(readFileSync(image)),
    },
    device: {
      kind,
      name,
      boardId: hexadecimal(hello.boardId),
      clockHz: hello.clockHz > 0 ? hello.clockHz : null,
      ...(serialNumber === undefined ? {} : { serialNumber }),
      ...(kind === 'emulator' ? { emulator: `rp2040js ${dependencies.rp2040js}` } : {}),
    },
    network: { files: networkChecksums(file), folder: dirname(resolve(file.path)) },
    dataset: {
      source: source.provenance.source,
      files: source.provenance.files.map((entry) => ({ ...entry })),
      rotation: ROTATION_VERSION,
      ...(source.classNames.some((name, label) => name !== String(label)) && { classNames: [...source.classNames] }),
    },
    ...(transfer && {
      transfer: {
        source: transfer.provenance.source,
        files: transfer.provenance.files.map((entry) => ({ ...entry })),
      },
    }),
    sessionId: hexadecimal(sessionId),
  };
}

export function networkChecksums(file: NetworkFile): FileChecksum[] {
  return [
    { name: basename(file.path), sha256: sha256(file.json) },
    { name: 'weights.bin', sha256: sha256(file.weights) },
    ...(file.biases ? [{ name: 'bias.bin', sha256: sha256(file.biases) }] : []),
  ];
}
