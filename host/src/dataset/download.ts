/** Downloads one file: mirrors in order, resumed after a cut, checked before it takes its final name. */

import { constants, type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CapacityError, DataError } from '../errors.js';
import { makeFolder } from '../files.js';
import { asWriteFailure } from './write-failure.js';

/** How far a download is. */
export interface DownloadProgress {
  /** The file's name. */
  readonly name: string;
  readonly receivedBytes: number;
  /** Undefined when the server does not say. */
  readonly totalBytes: number | undefined;
}

export interface DownloadRequest {
  readonly name: string;
  /** Complete addresses of the same file, in the order to try. */
  readonly urls: readonly string[];
  /** Where the file goes; DESTINATION.part grows beside it and is what a later call resumes. */
  readonly destination: string;
  /** Rejects with a DataError when the complete file at `path` is not the one that was asked for. */
  readonly verify: (path: string) => Promise<void>;
  /** What the user can do when no mirror delivers. */
  readonly remedy: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Attempts at one mirror without a new byte. */
  readonly attempts?: number | undefined;
  /** Pause before the second attempt; doubles each time. */
  readonly retryDelayMs?: number | undefined;
  /** A connection that brings nothing for so long is given up. */
  readonly stallMs?: number | undefined;
}

/** Why one attempt failed, and whether the same mirror is worth another. */
class AttemptFailure extends Error {
  constructor(
    readonly kind: 'network' | 'status',
    message: string,
    readonly retry: boolean,
  ) {
    super(message);
  }
}

/** Errors after which another attempt a second later fails alike: there is no route. */
const HOPELESS: ReadonlySet<string | undefined> = new Set(['ENOTFOUND', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH']);

interface Part {
  readonly file: FileHandle;
  receivedBytes: number;
  /** Strong entity tag of the bytes so far and the address it belongs to. */
  origin?: { readonly url: string; readonly entityTag: string | undefined };
}

/**
 * Downloads, verifies, renames. A download that was cut continues where it stopped, in this call or in a later one;
 * a resumed file that fails its check is fetched once more from its first byte.
 *
 * @throws DataError NO_NETWORK when no mirror could be reached, DOWNLOAD_FAILED when all refused, whatever `verify`
 * throws when no mirror had the right bytes, CACHE_NOT_WRITABLE; CapacityError DISK_FULL; the signal's reason
 */
export async function download(request: DownloadRequest): Promise<void> {
  const partPath = `${request.destination}.part`;
  const failures: string[] = [];
  let wrongContent: DataError | undefined;
  let reached = false;

  for (const url of request.urls) {
    for (let resumed = true; resumed; ) {
      const part = await openPart(request.destination, partPath);
      resumed = part.receivedBytes > 0;
      try {
        await receive(url, part, request);
      } catch (error) {
        if (!(error instanceof AttemptFailure)) throw await giveUp(error, partPath);
        failures.push(`${url}: ${error.message}`);
        reached ||= error.kind === 'status';
        break;
      } finally {
        await part.file.close();
      }
      reached = true;
      try {
        await request.verify(partPath);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        wrongContent = error;
        failures.push(`${url}: ${error.message}`);
        await rm(partPath, { force: true });
        continue;
      }
      await rename(partPath, request.destination);
      return;
    }
  }

  if ((await stat(partPath).catch(() => undefined))?.size === 0) await rm(partPath, { force: true });
  const { remedy } = request;
  if (wrongContent) {
    throw new DataError(
      wrongContent.code,
      `${request.name}: no mirror has the right file (${failures.join('; ')})`,
      remedy,
      { cause: wrongContent },
    );
  }
  if (reached) throw new DataError('DOWNLOAD_FAILED', `${request.name}: ${failures.join('; ')}`, remedy);
  throw new DataError('NO_NETWORK', `no route to ${request.name}: ${failures.join('; ')}`, remedy);
}

async function openPart(destination: string, partPath: string): Promise<Part> {
  try {
    makeFolder(dirname(destination));
    const file = await open(partPath, constants.O_RDWR | constants.O_CREAT);
    return { file, receivedBytes: (await file.stat()).size };
  } catch (error) {
    throw asWriteFailure(error, dirname(partPath));
  }
}

/** A full disk gets its room back; anything else leaves the part for a later call. */
async function giveUp(error: unknown, partPath: string): Promise<unknown> {
  const failure = asWriteFailure(error, dirname(partPath));
  if (failure instanceof CapacityError) await rm(partPath, { force: true });
  return failure;
}

/** All of one mirror's attempts. An attempt that brought bytes starts the count anew. */
async function receive(url: string, part: Part, request: DownloadRequest): Promise<void> {
  const attempts = request.attempts ?? 4;
  for (let failed = 0; ; ) {
    const before = part.receivedBytes;
    try {
      await attempt(url, part, request);
      return;
    } catch (error) {
      if (!(error instanceof AttemptFailure) || !error.retry) throw error;
      failed = part.receivedBytes > before ? 1 : failed + 1;
      if (failed >= attempts) throw error;
      await pause((request.retryDelayMs ?? 500) * 2 ** (failed - 1), request.signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** One request, from the part's end on when there is one. Returns when the file is complete. */
async function attempt(url: string, part: Part, request: DownloadRequest): Promise<void> {
  const connection = new AbortController();
  const stallMs = request.stallMs ?? 30_000;
  const stalled = setTimeout(() => connection.abort(new Error(`no data for ${stallMs / 1000} s`)), stallMs);
  const signal = request.signal ? AbortSignal.any([request.signal, connection.signal]) : connection.signal;
  try {
    const response = await throughNetwork(request, () => fetch(url, { headers: rangeHeaders(url, part), signal }));
    if (response.status === 416) {
      // The part is complete already, or belongs to another file: its verification, or its new beginning, tells.
      const complete = contentRange(response)?.total === part.receivedBytes;
      await response.body?.cancel();
      if (complete) return;
      await restart(part);
      throw new AttemptFailure('status', 'the partial download does not fit this file', true);
    }
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      const retry = response.status >= 500 || response.status === 408 || response.status === 429;
      throw new AttemptFailure('status', `HTTP status ${response.status}`, retry);
    }

    const range = response.status === 206 ? contentRange(response) : undefined;
    if (response.status === 206 && range?.start !== part.receivedBytes) {
      await response.body.cancel();
      await restart(part);
      throw new AttemptFailure('status', 'the server answered another range than was asked for', true);
    }
    if (response.status !== 206 && part.receivedBytes > 0) await restart(part);
    const entityTag = response.headers.get('etag') ?? undefined;
    part.origin = { url, entityTag: entityTag?.startsWith('W/') ? undefined : entityTag };
    // A decoded body is longer than the length announced for it.
    const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
    const totalBytes = range?.total ?? (length === null ? undefined : Number(length));

    const reader = response.body.getReader();
    for (;;) {
      request.onProgress?.({ name: request.name, receivedBytes: part.receivedBytes, totalBytes });
      const { done, value } = await throughNetwork(request, () => reader.read());
      if (done) break;
      stalled.refresh();
      await writeAll(part, value);
    }
    if (totalBytes !== undefined && part.receivedBytes !== totalBytes) {
      throw new AttemptFailure('network', `ended after ${part.receivedBytes} of ${totalBytes} bytes`, true);
    }
  } finally {
    clearTimeout(stalled);
    connection.abort();
  }
}

function rangeHeaders(url: string, part: Part): Record<string, string> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (part.receivedBytes > 0) {
    headers.range = `bytes=${part.receivedBytes}-`;
    if (part.origin?.url === url && part.origin.entityTag) headers['if-range'] = part.origin.entityTag;
  }
  return headers;
}

function contentRange(response: Response): { start: number | undefined; total: number | undefined } | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (!match) return undefined;
  const number = (text: string | undefined) => (text === undefined || text === '*' ? undefined : Number(text));
  return { start: number(match[1]), total: number(match[2]) };
}

async function restart(part: Part): Promise<void> {
  await part.file.truncate(0);
  part.receivedBytes = 0;
  delete part.origin;
}

/** Writes at a position, so that two processes that fetch the same file write the same bytes to the same places. */
async function writeAll(part: Part, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await part.file.write(bytes, offset, bytes.length - offset, part.receivedBytes);
    offset += bytesWritten;
    part.receivedBytes += bytesWritten;
  }
}

/** Failures of the connection, told from the user's abort. */
async function throughNetwork<T>(request: DownloadRequest, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    request.signal?.throwIfAborted();
    // fetch says only "fetch failed"; the reason (ECONNREFUSED, ENOTFOUND) is its cause.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = (cause as NodeJS.ErrnoException).code;
    const message = cause instanceof Error ? cause.message : String(cause);
    const reason = code && !message.includes(code) ? `${message} (${code})` : message || code || 'failed';
    throw new AttemptFailure('network', reason, !HOPELESS.has(code));
  }
}
