/** A run folder as its run writes it: run.json, metrics.jsonl, state.bin, console.log (docs/runs.md). */

import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { makeFolder, replaceFile, storageError } from '../files.js';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import type { FaultEvent, RunEvent } from './events.js';
import { LineWriter } from './line-writer.js';
import { formatEvent, readEvents, readLocatedEvents, wholeLinesBytes } from './metrics-file.js';
import { lockRun, unlockRun } from './run-lock.js';
import { formatManifest, parseManifest, type RunManifest, type RunSummary } from './run-manifest.js';

export type { Checkpoint } from './checkpoint.js';

/** File names in a run folder. */
export const runFiles = {
  manifest: 'run.json',
  metrics: 'metrics.jsonl',
  checkpoint: 'state.bin',
  console: 'console.log',
  lock: 'lock',
} as const;

function resumeRemedy(path: string): string {
  return `the run is resumable: make room, then \`priot train --resume ${path}\``;
}

/** Reads and checks run.json. @throws DataError NOT_A_RUN, RUN_MALFORMED, RUN_VERSION */
export function readManifest(path: string): RunManifest {
  const file = join(path, runFiles.manifest);
  let json: string;
  try {
    json = readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new DataError(
        'NOT_A_RUN',
        `${path} is not a run folder: there is no ${file}`,
        '`priot runs list` names runs',
        {
          cause,
        },
      );
    }
    throw storageError(cause, file);
  }
  return parseManifest(json, file);
}

/**
 * Reads the events of a run folder as it is at this moment, streamed.
 * @throws DataError METRICS_MALFORMED, FILE_MISSING
 */
export function runEvents(path: string): Iterable<RunEvent> {
  return readEvents(join(path, runFiles.metrics));
}

/**
 * Takes the step events out of the metrics of a run that is done: they are most of its bytes, and `--from-run` makes them
 * again. @throws DataError FILE_MISSING; CapacityError DISK_FULL
 */
export function dropSteps(path: string): void {
  const file = join(path, runFiles.metrics);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw storageError(cause, file);
  }
  const kept = text.split('\n').filter((line) => !line.startsWith('{"type":"step"'));
  replaceFile(file, [Buffer.from(kept.join('\n'))], 'make room');
}

/**
 * Reads a run's checkpoint; undefined when it has none yet.
 * @throws DataError CHECKPOINT_DAMAGED, CHECKPOINT_VERSION
 */
export function readCheckpoint(path: string): Checkpoint | undefined {
  const file = join(path, runFiles.checkpoint);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storageError(error, file);
  }
  return decodeCheckpoint(bytes, file);
}

/**
 * A run folder that is written to. A lock keeps it to one writer. Every method may throw CapacityError DISK_FULL; what was
 * on disk before stays whole.
 */
export class RunFolder {
  private readonly metrics: LineWriter;
  private readonly consoleLog: LineWriter;
  private closed = false;

  private constructor(
    readonly path: string,
    private currentManifest: RunManifest,
  ) {
    const remedy = resumeRemedy(path);
    this.metrics = new LineWriter(join(path, runFiles.metrics), remedy);
    this.consoleLog = new LineWriter(join(path, runFiles.console), remedy);
  }

  /**
   * Makes the folder (and those above it). When it cannot, nothing of it is left.
   * @throws DataError RUN_EXISTS if there is such a folder and it is not empty; DeviceError RUN_BUSY
   */
  static create(path: string, manifest: RunManifest): RunFolder {
    const remedy = 'make room, or choose another disk with --out';
    const made = makeRunFolder(path, remedy);
    let folder: RunFolder | undefined;
    lockRun(path, join(path, runFiles.lock), remedy);
    try {
      for (const name of [runFiles.metrics, runFiles.console]) rmSync(join(path, name), { force: true });
      folder = new RunFolder(path, manifest);
      // Last: a folder without run.json is no run.
      replaceFile(join(path, runFiles.manifest), [Buffer.from(formatManifest(manifest))], remedy);
      return folder;
    } catch (error) {
      folder?.close();
      for (const name of Object.values(runFiles)) rmSync(join(path, name), { force: true });
      if (made) rmdirSync(path);
      throw error;
    }
  }

  /**
   * Opens a run to go on with it; a torn last line of metrics.jsonl is cut off.
   * @throws DataError NOT_A_RUN, RUN_MALFORMED, RUN_VERSION, FILE_MISSING; DeviceError RUN_BUSY
   */
  static open(path: string): RunFolder {
    const manifest = readManifest(path);
    lockRun(path, join(path, runFiles.lock), resumeRemedy(path));
    let folder: RunFolder | undefined;
    try {
      const whole = wholeLinesBytes(join(path, runFiles.metrics));
      folder = new RunFolder(path, manifest);
      if (whole < folder.metrics.bytes) folder.metrics.truncate(whole);
      return folder;
    } catch (error) {
      folder?.close();
      unlockRun(join(path, runFiles.lock));
      throw error;
    }
  }

  /** What run.json says; with the summary once `finish` was called. */
  get manifest(): RunManifest {
    return this.currentManifest;
  }

  /** Buffered: on disk within a quarter of a second of events, 64 KB, or on `flush`, whichever is first. */
  append(event: RunEvent): void {
    this.metrics.append(formatEvent(event));
  }

  /** Hands everything appended to the operating system. */
  flush(): void {
    this.metrics.flush();
    this.consoleLog.flush();
  }

  /** A line for console.log, as the device's console gave it. Never throws: a full disk shows at the next flush. */
  console(line: string): void {
    try {
      this.consoleLog.append(line);
    } catch {
      // Device callbacks are no place for errors of the disk; the writer keeps this one and flush throws it.
    }
  }

  /** Events first, then the checkpoint: on disk a checkpoint is never ahead of its events. */
  writeCheckpoint(checkpoint: Checkpoint): void {
    this.metrics.sync();
    this.consoleLog.flush();
    replaceFile(join(this.path, runFiles.checkpoint), [encodeCheckpoint(checkpoint)], resumeRemedy(this.path));
  }

  /** undefined when there is none yet. @throws DataError CHECKPOINT_DAMAGED, CHECKPOINT_VERSION */
  readCheckpoint(): Checkpoint | undefined {
    return readCheckpoint(this.path);
  }

  /** All events so far, streamed from the disk. @throws DataError METRICS_MALFORMED */
  events(): Iterable<RunEvent> {
    this.metrics.flush();
    return runEvents(this.path);
  }

  /**
   * Takes the metrics back to the moment before step `nextStep`: from that step's event on everything goes but the
   * faults, which did happen. An epoch event right after step `nextStep - 1` stays: it was measured on that very state.
   * @throws DataError METRICS_INCOMPLETE if the events of steps 0..nextStep-1 are not all there, once each, in order
   */
  truncateAfterStep(nextStep: number): void {
    this.metrics.flush();
    const file = join(this.path, runFiles.metrics);
    let steps = 0;
    let cut: number | undefined;
    const faults: FaultEvent[] = [];
    for (const { event, start } of readLocatedEvents(file)) {
      if (cut !== undefined) {
        if (event.type === 'fault') faults.push(event);
      } else if (event.type === 'step') {
        if (event.step >= nextStep) cut = start;
        else if (event.step === steps) steps += 1;
        else break;
      }
    }
    if (steps !== nextStep) {
      throw new DataError(
        'METRICS_INCOMPLETE',
        `${file} lacks the event of step ${steps}, and the checkpoint is at step ${nextStep}`,
        `delete ${join(this.path, runFiles.checkpoint)}: the run then replays from its first step`,
      );
    }
    if (cut === undefined) return;
    this.metrics.truncate(cut);
    for (const fault of faults) this.append(fault);
    this.metrics.flush();
  }

  /** Writes the result into run.json. */
  finish(summary: RunSummary): void {
    this.metrics.sync();
    this.consoleLog.flush();
    const manifest = { ...this.currentManifest, summary };
    replaceFile(join(this.path, runFiles.manifest), [Buffer.from(formatManifest(manifest))], resumeRemedy(this.path));
    this.currentManifest = manifest;
  }

  /** Flushes and closes the files. Idempotent. It does not flush when a write has failed before. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.metrics.close();
    } finally {
      this.consoleLog.close();
      unlockRun(join(this.path, runFiles.lock));
    }
  }
}

/** An empty folder, or what a run leaves that was killed before it had its run.json. */
function isUnbegun(names: readonly string[]): boolean {
  const early: readonly string[] = [runFiles.metrics, runFiles.console, `${runFiles.manifest}.partial`];
  return names.every((name) => early.includes(name) || name === runFiles.lock || name.startsWith(`${runFiles.lock}.`));
}

/** True when the folder was made, false when there was one without a run. */
function makeRunFolder(path: string, remedy: string): boolean {
  if (!existsSync(path) || statSync(path).isDirectory()) {
    if (makeFolder(path, remedy)) return true;
    if (isUnbegun(readdirSync(path))) return false;
  }
  throw new DataError(
    'RUN_EXISTS',
    `${path} exists already`,
    `choose another folder with --out, or go on with that run: \`priot train --resume ${path}\``,
  );
}
