/** Many requests of one kind, a window of them in flight; replies in the order of the requests. */
import type { Exchange } from './exchange.js';
import type { ReplyBody, RequestBody, RequestKind } from './messages.js';
import { Request } from './request.js';
import { ResultQueue } from './result-queue.js';

export function pipeline<K extends RequestKind>(
  exchange: Exchange,
  kind: K,
  bodies: Iterable<RequestBody<K>>,
  window: number,
  signal?: AbortSignal,
): AsyncIterable<ReplyBody<K>> {
  const inFlight = new Set<Request<K>>();
  /** Replies of requests that were begun and not delivered, oldest first, or undefined while they are awaited. */
  const replies: { reply?: ReplyBody<K> }[] = [];
  let iterator: Iterator<RequestBody<K>> | undefined;
  let stopped = false;

  const queue = new ResultQueue<ReplyBody<K>>(
    () => {
      iterator = bodies[Symbol.iterator]();
      refill();
    },
    () => {
      stop();
      if (inFlight.size === 0) queue.end();
    },
  );
  return queue;

  function refill(): void {
    try {
      while (!stopped && inFlight.size < window) {
        const next = signal?.aborted ? undefined : iterator?.next();
        if (!next) stop();
        else if (next.done) stopped = true;
        else begin(next.value);
      }
      if (stopped && inFlight.size === 0) queue.end();
    } catch (error) {
      fail(error);
    }
  }

  function begin(body: RequestBody<K>): void {
    const slot: { reply?: ReplyBody<K> } = {};
    const request = new Request(
      exchange,
      kind,
      body,
      (reply) => {
        inFlight.delete(request);
        slot.reply = reply;
        while (replies[0]?.reply !== undefined) queue.push(replies.shift()!.reply!);
        refill();
      },
      fail,
    );
    replies.push(slot);
    inFlight.add(request);
    request.start();
  }

  function fail(error: unknown): void {
    stop();
    for (const request of inFlight) request.abandon();
    inFlight.clear();
    queue.fail(error);
  }

  function stop(): void {
    if (stopped) return;
    stopped = true;
    iterator?.return?.();
  }
}
