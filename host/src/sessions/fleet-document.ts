/** What `priot fleet` tells of a queue. */
import type { BoardRecord, FailureRecord, Needs } from '../fleet/records.js';

/** A worker of the queue. */
export interface FleetWorker {
  readonly id: string;
  readonly host: string;
  readonly priot: string;
  readonly labels: readonly string[];
  /** It has told of itself lately. */
  readonly live: boolean;
  readonly silentSeconds: number;
  readonly boards: readonly BoardRecord[];
  /** Cells that it refuses, by their group. */
  readonly refusals: readonly { readonly group: string; readonly why: string }[];
}

/** A cell on the queue. */
export interface FleetCell {
  /** Its name: the digest of what it trains, and its group. */
  readonly cell: string;
  readonly state: 'waiting' | 'training' | 'failed' | 'done';
  readonly worker?: string;
  readonly device?: string;
  readonly step?: number;
  readonly steps?: number;
  readonly stateDigest?: string;
  readonly seconds?: number;
}

/** Cells that ask for the same. */
export interface FleetGroup {
  readonly group: string;
  readonly needs: Needs;
}

/** What `priot fleet --json` prints. */
export interface FleetDocument {
  readonly queue: string;
  readonly workers: readonly FleetWorker[];
  readonly groups: readonly FleetGroup[];
  readonly cells: readonly FleetCell[];
  readonly failures: readonly ({ readonly cell: string } & FailureRecord)[];
  /** Cells that are tried again by this call. */
  readonly retried: readonly string[];
  /** Results that this call removed. */
  readonly forgotten: number;
}
