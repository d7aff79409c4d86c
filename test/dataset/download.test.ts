import { randomFillSync } from 'node:crypto';
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DownloadRequest, download } from '#host/dataset/download.js';
import { CapacityError, DataError } from '#host/errors.js';
import { deserted, type Handler, type SendOptions, sendFile, serve } from './file-server.js';
import { temporaryFolder } from './temporary-folder.js';

const bytes = randomFillSync(new Uint8Array(300_000));

/** Serves `bytes`; `faults[n]` says what goes wrong with request n. */
const serving =
  (...faults: SendOptions[]): Handler =>
  (request, response, earlier) =>
    sendFile(request, response, bytes, faults[earlier] ?? {});

const status =
  (code: number): Handler =>
  (_request, response) =>
    response.writeHead(code).end('no');

function requestFor(urls: string[], more: Partial<DownloadRequest> = {}): DownloadRequest {
  return {
    name: 'file',
    urls,
    destination: join(temporaryFolder(), 'folder', 'file'),
    verify: async (path) => {
      if (!readFileSync(path).equals(bytes)) throw new DataError('WRONG_CHECKSUM', `${path} is wrong`);
    },
    remedy: 'use --from',
    retryDelayMs: 1,
    ...more,
  };
}

/** A handler that notes, with each request, the range that is missing from the part on the disk; undefined: all of it. */
function notingRanges({ destination }: DownloadRequest, answer: Handler) {
  const ranges: (string | undefined)[] = [];
  const handler: Handler = (request, response, earlier) => {
    const part = statSync(`${destination}.part`, { throwIfNoEntry: false })?.size ?? 0;
    ranges.push(part === 0 ? undefined : `bytes=${part}-`);
    answer(request, response, earlier);
  };
  return { handler, ranges };
}

function expectArrived({ destination }: DownloadRequest): void {
  expect(readFileSync(destination).equals(bytes)).toBe(true);
  expect(existsSync(`${destination}.part`)).toBe(false);
}

function expectNothing({ destination }: DownloadRequest): void {
  expect(existsSync(destination)).toBe(false);
}

describe('download', () => {
  test('fetches a file and reports progress up to the announced length', async () => {
    const server = await serve(serving());
    const seen: (number | undefined)[][] = [];
    const request = requestFor([server.url], {
      onProgress: ({ receivedBytes, totalBytes }) => seen.push([receivedBytes, totalBytes]),
    });
    await download(request);
    expectArrived(request);
    expect(seen[0]).toEqual([0, bytes.length]);
    expect(seen.at(-1)).toEqual([bytes.length, bytes.length]);
  });

  test('continues a cut connection where it stopped, guarded by the entity tag', async () => {
    const entityTag = '"v1"';
    const faults = serving({ cutAfter: 100_000, entityTag }, { cutAfter: 50_000, entityTag }, { entityTag });
    const request = requestFor([]);
    const { handler, ranges } = notingRanges(request, faults);
    const server = await serve(handler);
    await download({ ...request, urls: [server.url] });
    expectArrived(request);
    expect(server.requests.map(({ range }) => range)).toEqual(ranges);
    expect(ranges).toHaveLength(3);
    expect(ranges.filter((range) => range === undefined)).toHaveLength(1);
    expect(server.requests.slice(1).map(({ ifRange }) => ifRange)).toEqual([entityTag, entityTag]);
  });

  test('starts over when the file changed between two connections', async () => {
    const server = await serve((request, response, earlier) => {
      if (earlier === 0) sendFile(request, response, new Uint8Array(300_000), { cutAfter: 1_000, entityTag: '"old"' });
      else sendFile(request, response, bytes, { entityTag: '"new"' });
    });
    const request = requestFor([server.url]);
    await download(request);
    expectArrived(request);
  });

  test('starts over when the server ignores Range', async () => {
    const request = requestFor([]);
    const { handler, ranges } = notingRanges(request, serving({ cutAfter: 100_000 }, { ignoreRange: true }));
    const server = await serve(handler);
    await download({ ...request, urls: [server.url] });
    expectArrived(request);
    expect(server.requests.map(({ range }) => range)).toEqual(ranges);
    expect(ranges).toEqual([undefined, expect.any(String)]);
  });

  test('resumes the part an earlier process left', async () => {
    const server = await serve(serving());
    const request = requestFor([server.url]);
    await download({ ...request, verify: async () => {} }); // makes the folder
    writeFileSync(`${request.destination}.part`, bytes.subarray(0, 123_456));
    await download(request);
    expectArrived(request);
    expect(server.requests[1]?.range).toBe('bytes=123456-');
  });

  test('a complete part is not fetched again', async () => {
    const server = await serve(serving());
    const request = requestFor([server.url]);
    await download({ ...request, verify: async () => {} });
    writeFileSync(`${request.destination}.part`, bytes);
    await download(request);
    expectArrived(request);
  });

  test.each([1_000, 300_000, 400_000])(
    'a foreign part of %i bytes is thrown away, then the file arrives',
    async (size) => {
      const server = await serve(serving());
      const request = requestFor([server.url]);
      await download({ ...request, verify: async () => {} });
      writeFileSync(`${request.destination}.part`, new Uint8Array(size));
      await download(request);
      expectArrived(request);
    },
  );

  test.each([404, 403, 500])('status %i: the second mirror delivers', async (code) => {
    const broken = await serve(status(code));
    const good = await serve(serving());
    const request = requestFor([broken.url, good.url]);
    await download(request);
    expectArrived(request);
    expect(broken.requests).toHaveLength(code === 500 ? 4 : 1);
  });

  test('what one mirror began another completes', async () => {
    const cut = { cutAfter: 0 };
    const failing = await serve(serving({ cutAfter: 200_000 }, cut, cut, cut, cut, cut));
    const good = await serve(serving());
    const request = requestFor([failing.url, good.url]);
    await download(request);
    expectArrived(request);
    expect(good.requests[0]?.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('wrong content from one mirror: the next is tried from the first byte', async () => {
    const wrong = await serve((request, response) => sendFile(request, response, new Uint8Array(300_000)));
    const good = await serve(serving());
    const request = requestFor([wrong.url, good.url]);
    await download(request);
    expectArrived(request);
    expect(good.requests[0]?.range).toBeUndefined();
  });

  test('wrong content everywhere: WRONG_CHECKSUM and nothing left behind', async () => {
    const wrong = await serve((request, response) => sendFile(request, response, new Uint8Array(10)));
    const request = requestFor([wrong.url]);
    await expect(download(request)).rejects.toMatchObject({
      code: 'WRONG_CHECKSUM',
      class: 'data',
      remedy: 'use --from',
    });
    expectNothing(request);
    expect(existsSync(`${request.destination}.part`)).toBe(false);
  });

  test('refused everywhere: DOWNLOAD_FAILED names address and status', async () => {
    const broken = await serve(status(404));
    const request = requestFor([broken.url]);
    await expect(download(request)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining(`${broken.url}: HTTP status 404`),
    });
    expectNothing(request);
  });

  test('nobody answers: NO_NETWORK says why', async () => {
    const request = requestFor([await deserted(), 'http://priot.invalid/file']);
    await expect(download(request)).rejects.toMatchObject({
      code: 'NO_NETWORK',
      class: 'data',
      message: expect.stringContaining('priot.invalid'),
    });
    expectNothing(request);
    expect(existsSync(`${request.destination}.part`)).toBe(false);
  });

  test('cuts without a new byte end after bounded attempts and keep the part', async () => {
    const server = await serve((request, response, earlier) =>
      sendFile(request, response, bytes, { cutAfter: earlier === 0 ? 1_000 : 0 }),
    );
    const request = requestFor([server.url], { attempts: 3 });
    await expect(download(request)).rejects.toBeInstanceOf(DataError);
    expect(server.requests.length).toBeLessThanOrEqual(4);
    expectNothing(request);
    expect(existsSync(`${request.destination}.part`)).toBe(true);
  });

  test('a silent server is given up', async () => {
    const silent = await serve(() => {});
    const good = await serve(serving());
    const request = requestFor([silent.url, good.url], { stallMs: 500, attempts: 1 });
    await download(request);
    expectArrived(request);
  });

  test('an abort ends it with its reason; the next call resumes', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const server = await serve((request, response, earlier) => {
      if (earlier > 0) return sendFile(request, response, bytes);
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 100_000));
    });
    const request = requestFor([server.url], {
      signal: stop.signal,
      onProgress: ({ receivedBytes }) => {
        if (receivedBytes === 100_000) stop.abort(reason);
      },
    });
    await expect(download(request)).rejects.toBe(reason);
    expectNothing(request);
    await download({ ...request, signal: undefined, onProgress: undefined });
    expectArrived(request);
    expect(server.requests[1]?.range).toBe('bytes=100000-');
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk: CapacityError, the part gives its room back', async () => {
    const server = await serve(serving());
    const destination = join(temporaryFolder(), 'file');
    symlinkSync('/dev/full', `${destination}.part`);
    const failure = await download(requestFor([server.url], { destination })).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CapacityError);
    expect(failure).toMatchObject({ code: 'DISK_FULL', class: 'capacity' });
    expect(existsSync(destination)).toBe(false);
  });

  test('a folder that cannot be made: CACHE_NOT_WRITABLE', async () => {
    const server = await serve(serving());
    const file = join(temporaryFolder(), 'a-file');
    writeFileSync(file, '');
    const request = requestFor([server.url], { destination: join(file, 'folder', 'file') });
    await expect(download(request)).rejects.toMatchObject({ code: 'CACHE_NOT_WRITABLE', class: 'data' });
  });
});
