/**
 * The lock that keeps a run folder to one writer: a file that names a process, and counts for nothing once that process is
 * dead. A process is its id and the time it started, as ids are given out again.
 */
import { execFileSync } from 'node:child_process';
import { constants, copyFileSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { DeviceError } from '../errors.js';
import { storageError } from '../files.js';

/** What file systems without hard links say. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

interface Holder {
  host: string;
  pid: number;
  /** Opaque; the same text as long as it is the same process. */
  startedAt: string;
}

/**
 * Takes the lock of a run folder.
 * @throws DeviceError RUN_BUSY while another living process holds it; CapacityError DISK_FULL
 */
export function lockRun(folder: string, path: string, remedy: string): void {
  const own = `${path}.${process.pid}`;
  try {
    // Linked once it is whole: nobody ever reads half a lock.
    writeFileSync(own, JSON.stringify(thisProcess()));
    for (let attempt = 0; !tryLink(own, path); attempt += 1) {
      const holder = readHolder(path);
      if (holder !== undefined && (attempt > 10 || isAlive(holder))) throw busy(folder, path, holder);
      removeDead(path);
    }
  } catch (error) {
    throw storageError(error, path, remedy);
  } finally {
    rmSync(own, { force: true });
  }
}

export function unlockRun(path: string): void {
  rmSync(path, { force: true });
}

function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  try {
    copyFileSync(own, path, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes a dead process's lock. Of several that find it, only one gets to rename it; a living one that came meanwhile
 * is put back.
 */
function removeDead(path: string): void {
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const holder = readHolder(aside);
  if (holder !== undefined && isAlive(holder)) tryLink(aside, path);
  rmSync(aside, { force: true });
}

/** undefined for a file that is gone, or is no lock. */
function readHolder(path: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder> | null;
    const { host, pid, startedAt } = holder ?? {};
    if (typeof host !== 'string' || !Number.isInteger(pid) || typeof startedAt !== 'string') return undefined;
    return { host, pid: pid as number, startedAt };
  } catch {
    return undefined;
  }
}

/** A process of another machine that shares the folder cannot be asked; it counts as alive. */
function isAlive({ host, pid, startedAt }: Holder): boolean {
  if (host !== hostname()) return true;
  return startTime(pid) === startedAt;
}

function thisProcess(): Holder {
  return { host: hostname(), pid: process.pid, startedAt: startTime(process.pid) ?? '' };
}

/** undefined when there is no such process. */
function startTime(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // Ticks since boot: field 22; field 2 is in parentheses and may hold anything.
      const status = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
      const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : `${boot} ${fields[19]}`;
    }
    process.kill(pid, 0);
    if (process.platform === 'win32') return 'running';
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'latin1' }).trim();
  } catch {
    return undefined;
  }
}

function busy(folder: string, path: string, { host, pid }: Holder): DeviceError {
  if (host === hostname()) {
    return new DeviceError('RUN_BUSY', `process ${pid} is writing ${folder}`, `wait for it, or end it: kill ${pid}`);
  }
  return new DeviceError('RUN_BUSY', `process ${pid} on ${host} is writing ${folder}`, `if it is not: rm ${path}`);
}
