/** A web server on the loopback whose faults a test chooses. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface ServedRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

export interface FileServer {
  /** Ends in a slash. */
  readonly url: string;
  readonly requests: readonly ServedRequest[];
}

export type Handler = (request: IncomingMessage, response: ServerResponse, earlierRequests: number) => void;

export async function serve(handler: Handler): Promise<FileServer> {
  const requests: ServedRequest[] = [];
  const server = createServer((request, response) => {
    const { range } = request.headers;
    const ifRange = request.headers['if-range'];
    requests.push({ path: request.url ?? '', range, ifRange: ifRange as string | undefined });
    handler(request, response, requests.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, requests };
}

export interface SendOptions {
  /** Sends so many bytes of what was asked for, then drops the connection. */
  readonly cutAfter?: number | undefined;
  readonly ignoreRange?: boolean;
  readonly entityTag?: string;
}

/** Answers with the file, or the range of it that was asked for. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  options: SendOptions = {},
): void {
  const { cutAfter, ignoreRange, entityTag } = options;
  const ifRange = request.headers['if-range'];
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const ranged = range !== null && !ignoreRange && (ifRange === undefined || ifRange === entityTag);
  const start = ranged ? Number(range[1]) : 0;
  if (entityTag) response.setHeader('etag', entityTag);
  if (ranged && start >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  const body = bytes.subarray(start);
  response.setHeader('content-length', body.length);
  if (ranged) response.setHeader('content-range', `bytes ${start}-${bytes.length - 1}/${bytes.length}`);
  response.writeHead(ranged ? 206 : 200);
  if (cutAfter === undefined) response.end(body);
  else response.write(body.subarray(0, cutAfter), () => response.destroy());
}

/** An address on the loopback where nobody listens. Ends in a slash. */
export async function deserted(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/`;
}
