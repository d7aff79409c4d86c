/** What a board has of its worker, and the uploads of the checkpoints of its cell. */
import { PriotError } from '../errors.js';
import { pack, readFiles, travellingRunFiles } from '../fleet/archive.js';
import type { TakingQueues } from '../fleet/queues.js';
import type { Needs, WorkerRecord } from '../fleet/records.js';
import type { FleetStore, Lease } from '../fleet/store.js';
import { runFiles } from '../runs/run-folder.js';
import { parseManifest, type RunManifest } from '../runs/run-manifest.js';
import type { Bell } from './bell.js';
import type { WorkerFolders } from './fleet-inputs.js';

/** What a board has of its worker. */
export interface BoardSurroundings {
  readonly store: FleetStore;
  readonly queues: TakingQueues;
  readonly folders: WorkerFolders & { readonly runs: string };
  readonly lockMs: number;
  readonly uploadMs: number;
  /** It rings when cells have come to the queue. */
  readonly arrivals: Bell;
  /** The groups there are, and what the worker tells of itself. */
  readonly groups: () => ReadonlyMap<string, Needs>;
  readonly about: () => WorkerRecord;
  /** Called when there is something new to tell. */
  readonly changed: () => void;
  readonly say: (text: string, warning?: true) => void;
}

/** Uploads of one cell's checkpoints, one at a time, the newest when the last one is through. */
export class CheckpointUploads {
  #lastMs = performance.now();
  #under: Promise<void> | undefined;

  /** @param folder of the run */
  constructor(
    private readonly worker: BoardSurroundings,
    private readonly lease: Lease,
    private readonly folder: string,
  ) {}

  /** Uploads the checkpoint that was just written, unless the last upload is recent or under way. */
  due(nextStep: number): void {
    const nowMs = performance.now();
    if (this.#under !== undefined || nextStep === 0 || nowMs - this.#lastMs < this.worker.uploadMs) return;
    this.#lastMs = nowMs;
    this.#under = this.#upload().finally(() => {
      this.#under = undefined;
    });
  }

  /** Waits for the upload under way. */
  async settled(): Promise<void> {
    await this.#under;
  }

  /** Uploads what is there when work on the cell is over for now. */
  async last(): Promise<void> {
    await this.#upload();
  }

  /** A cell goes on without: it costs time when its worker is lost. */
  async #upload(): Promise<void> {
    const { store, about, say } = this.worker;
    try {
      const files = readFiles(this.folder, travellingRunFiles);
      const begun = manifestOf(files);
      if (begun === undefined || !files.has(runFiles.checkpoint)) return;
      const nextStep = Buffer.from(files.get(runFiles.checkpoint)!).readUInt32LE(12);
      const upload = await store.upload(pack(files));
      const record = { ...upload, worker: about().id, nextStep, place: begun.place, at: new Date().toISOString() };
      await store.keepCheckpoint(this.lease, record);
    } catch (error) {
      if (!(error instanceof PriotError)) throw error;
      say(`${this.lease.job}: its checkpoint could not be uploaded: ${error.message}`, true);
    }
  }
}

function manifestOf(files: ReadonlyMap<string, Uint8Array>): RunManifest | undefined {
  const json = files.get(runFiles.manifest);
  return json && parseManifest(Buffer.from(json).toString('utf8'), runFiles.manifest);
}
