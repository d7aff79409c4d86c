/** The run folders below a directory, as a page lists them; unchanged ones are not read again. */
import { type Dirent, existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { PriotError } from '../../errors.js';
import { readManifest, runFiles } from '../../runs/run-folder.js';
import type { RunManifest } from '../../runs/run-manifest.js';

/** Folders are looked for this many levels below the directory. */
const MAX_DEPTH = 4;
/** More run folders than this are not listed. */
const MAX_RUNS = 20_000;

/** The id of a directory that is itself a run. */
export const WHOLE = '.';

/** A run folder in the list. */
export interface IndexedRun {
  /** Path below the directory with `/` between its parts: its name on the page. */
  readonly id: string;
  /** What people read: the id, or the directory's own name where the directory is the run. */
  readonly name: string;
  readonly path: string;
  /** The manifest; absent when run.json cannot be read: `problem` says why. */
  readonly manifest?: RunManifest;
  readonly problem?: string;
  /** `running`: a process holds its lock; `stopped`: begun and not done. */
  readonly state: 'done' | 'running' | 'stopped' | 'damaged';
  /** Bytes of metrics.jsonl; changes as the run goes on. 0 where it is missing, or not a file. */
  readonly metricsBytes: number;
  /** metrics.jsonl is a link: what it leads to is not read. */
  readonly metricsLinked: boolean;
}

interface Known {
  readonly stamp: string;
  readonly manifest?: RunManifest;
  readonly problem?: string;
}

/** Looks for runs; `scan` is cheap when little has changed. */
export class RunIndex {
  private readonly known = new Map<string, Known>();
  private current = new Map<string, IndexedRun>();

  constructor(readonly directory: string) {}

  /** Reads the directory anew. Returns the ids of runs that came, changed or went since the last time. */
  scan(): string[] {
    const found = new Map<string, IndexedRun>();
    this.walk(this.directory, 0, found);
    const changed = [...found.values()].filter((run) => differs(this.current.get(run.id), run)).map(({ id }) => id);
    for (const id of this.current.keys()) if (!found.has(id)) changed.push(id);
    for (const path of this.known.keys()) if (!found.has(idOf(this.directory, path))) this.known.delete(path);
    this.current = found;
    return changed;
  }

  /** Returns the runs of the last scan, the newest first, damaged ones last. */
  runs(): IndexedRun[] {
    const created = (run: IndexedRun) => run.manifest?.createdAt ?? '';
    return [...this.current.values()].sort((a, b) => created(b).localeCompare(created(a)) || a.id.localeCompare(b.id));
  }

  /** Returns a run of the last scan by its id: no other path can be named. */
  get(id: string): IndexedRun | undefined {
    return this.current.get(id);
  }

  private walk(folder: string, depth: number, found: Map<string, IndexedRun>): void {
    let entries: Dirent[];
    try {
      entries = readdirSync(folder, { withFileTypes: true });
    } catch {
      return; // went away, or may not be read: nothing of it is listed
    }
    if (entries.some((entry) => entry.name === runFiles.manifest)) {
      if (found.size < MAX_RUNS) {
        const run = this.runAt(folder);
        found.set(run.id, run);
      }
      return;
    }
    if (depth === MAX_DEPTH) return;
    // links are not followed: they lead out, or in a circle
    for (const entry of entries) if (entry.isDirectory()) this.walk(join(folder, entry.name), depth + 1, found);
  }

  private runAt(path: string): IndexedRun {
    const id = idOf(this.directory, path);
    const name = id === WHOLE ? basename(resolve(path)) : id;
    const metrics = lstatSync(join(path, runFiles.metrics), { throwIfNoEntry: false });
    const known = this.knownAt(path);
    const seen = {
      metricsBytes: metrics?.isFile() ? metrics.size : 0,
      metricsLinked: metrics?.isSymbolicLink() ?? false,
    };
    const { manifest, problem } = known;
    if (manifest === undefined) return { id, name, path, problem: problem ?? 'unreadable', state: 'damaged', ...seen };
    const running = existsSync(join(path, runFiles.lock));
    const state = manifest.summary !== undefined ? 'done' : running ? 'running' : 'stopped';
    return { id, name, path, manifest, state, ...seen };
  }

  private knownAt(path: string): Known {
    const file = join(path, runFiles.manifest);
    const status = lstatSync(file, { throwIfNoEntry: false });
    const stamp = status === undefined ? '' : `${status.mtimeMs} ${status.size} ${status.ino}`;
    const before = this.known.get(path);
    if (before?.stamp === stamp) return before;
    const now = { stamp, ...readKnown(path, status?.isFile() ?? false) };
    this.known.set(path, now);
    return now;
  }
}

function readKnown(path: string, isFile: boolean): Omit<Known, 'stamp'> {
  if (!isFile) return { problem: `${runFiles.manifest} is no file` };
  try {
    if (statSync(join(path, runFiles.manifest)).size > 1 << 20) return { problem: `${runFiles.manifest} is too large` };
    return { manifest: readManifest(path) };
  } catch (error) {
    if (!(error instanceof PriotError)) throw error;
    return { problem: error.message };
  }
}

function idOf(directory: string, path: string): string {
  return relative(directory, path).split(sep).join('/') || WHOLE;
}

function differs(before: IndexedRun | undefined, now: IndexedRun): boolean {
  return (
    before === undefined ||
    before.metricsBytes !== now.metricsBytes ||
    before.state !== now.state ||
    before.manifest !== now.manifest
  );
}
