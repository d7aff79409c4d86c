/**
 * Requests to an MLflow tracking server: its REST API 2.0 (documentation: "REST API"; mlflow/protos/service.proto,
 * mlflow_artifacts.proto), with its authorization, and with repetition of what may succeed later.
 */
import { setTimeout as delay } from 'node:timers/promises';

const REQUEST_TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/** How to reach the server. */
export interface MlflowServer {
  /** http://host:port, without a path of the API. */
  readonly address: string;
  /** The authorization from the environment: user and password, or a token; never printed. */
  readonly authorization?: string;
  /** The experiment that runs are put into; left out: `priot`. */
  readonly experiment?: string;
}

/** Returns the server that an address and the environment name. User and password in the address are taken out of it. */
export function mlflowServer(address: string, environment: Readonly<Record<string, string | undefined>>): MlflowServer {
  const url = new URL(address);
  const token = environment.MLFLOW_TRACKING_TOKEN;
  const user = decodeURIComponent(url.username) || environment.MLFLOW_TRACKING_USERNAME;
  const password = decodeURIComponent(url.password) || environment.MLFLOW_TRACKING_PASSWORD;
  url.username = '';
  url.password = '';
  const basic = user === undefined ? undefined : `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`;
  const authorization = token === undefined || token === '' ? basic : `Bearer ${token}`;
  const experiment = environment.MLFLOW_EXPERIMENT_NAME;
  return {
    address: url.href.replace(/\/+$/, ''),
    ...(authorization !== undefined && { authorization }),
    ...(experiment && { experiment }),
  };
}

/** A refusal that no repetition mends. */
export class Refused extends Error {}

/** Sends requests until it is stopped. */
export class MlflowClient {
  /** What went wrong last; undefined after a success. */
  problem: string | undefined;
  private readonly stopping = new AbortController();

  constructor(private readonly server: MlflowServer) {}

  /** Ends what is under way; nothing is sent from then on. */
  stop(): void {
    this.stopping.abort();
  }

  get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  /** Posts to the tracking API. @throws Refused; Error that may pass */
  post(path: string, body: object): Promise<unknown> {
    return this.request('POST', `mlflow/${path}`, JSON.stringify(body));
  }

  /** Asks the tracking API; undefined when there is no such thing. @throws Refused; Error that may pass */
  find(path: string): Promise<unknown> {
    return this.request('GET', `mlflow/${path}`, undefined, [404]);
  }

  /** Puts a file where the server keeps artefacts. @param path of the artefact, below the store's root */
  async upload(path: string, bytes: Uint8Array): Promise<void> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    await this.request('PUT', `mlflow-artifacts/artifacts/${encoded}`, bytes as Uint8Array<ArrayBuffer>);
  }

  /** Repeats what failed, with longer and longer pauses, until it succeeds, is refused, or the client is stopped. */
  async persist<T>(work: () => Promise<T>): Promise<T> {
    for (let pauseMs = FIRST_RETRY_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_RETRY_MS)) {
      try {
        const result = await work();
        this.problem = undefined;
        return result;
      } catch (error) {
        if (error instanceof Refused || this.stopped) throw error;
        this.problem = reason(error);
        await delay(pauseMs, undefined, { signal: this.stopping.signal, ref: false });
      }
    }
  }

  private async request(
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer> | undefined,
    allowed: readonly number[] = [],
  ): Promise<unknown> {
    const { address, authorization } = this.server;
    const type = typeof body === 'string' || body === undefined ? 'application/json' : 'application/octet-stream';
    const response = await fetch(`${address}/api/2.0/${path}`, {
      method,
      ...(body !== undefined && { body }),
      headers: { 'Content-Type': type, ...(authorization && { Authorization: authorization }) },
      signal: AbortSignal.any([this.stopping.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    const text = await response.text();
    if (allowed.includes(response.status)) return undefined;
    const what = path.split('?')[0];
    if (response.status >= 400 && response.status < 500 && response.status !== 408 && response.status !== 429) {
      throw new Refused(`${what}: HTTP ${response.status} ${text.slice(0, 200)}`);
    }
    if (!response.ok) throw new Error(`${what}: HTTP ${response.status}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }
}

/** Returns what an error says; fetch hides the reason in the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
