/**
 * MLflow's tracking server over its REST API 2.0 (documentation: "REST API"): experiment, run, log-batch, tags, artefacts.
 * Sending goes on in the background; a server that is slow or away costs a session nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEvent } from '../runs/events.js';
import type { RunManifest, RunSummary } from '../runs/run-manifest.js';
import { TrackedMetrics, trackedParameters, trackedResult } from './tracked-metrics.js';
import type { Tracker } from './tracker.js';

/** Limits of a request, from mlflow/utils/validation.py. */
const MAX_METRICS = 900;
const MAX_PARAMETERS = 100;
const MAX_VALUE_LENGTH = 6000;
const MAX_KEY_LENGTH = 250;

/** Metrics that wait to be sent; beyond it the session is told what was left out. */
const MAX_WAITING = 200_000;
const REQUEST_TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
/** How long a session's end waits for what is left. */
const CLOSE_MS = 20_000;

const experimentName = 'priot';
/** The tag by which a run is found again: an export of the same run goes on with it. */
const sessionTag = 'priot.run';

/** How to reach the server. */
export interface MlflowServer {
  /** http://host:port, without a path of the API. */
  readonly address: string;
  /** The authorization from the environment: user and password, or a token; never printed. */
  readonly authorization?: string;
}

interface Metric {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
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
  return { address: url.href.replace(/\/+$/, ''), ...(authorization !== undefined && { authorization }) };
}

/** A refusal that no repetition mends. */
class Refused extends Error {}

/** Sends one run to an MLflow server while it goes on. */
export class MlflowTracker implements Tracker {
  readonly name: string;
  private readonly metrics = new TrackedMetrics();
  private readonly waiting: Metric[] = [];
  private manifest: RunManifest | undefined;
  private summary: RunSummary | undefined;
  private leftOut = 0;
  private problem: string | undefined;
  private sender: Promise<void> | undefined;
  private runId: string | undefined;
  private closing = false;
  private readonly stop = new AbortController();

  /**
   * Makes a tracker.
   * @param runKey names the run on the server, so that a second export goes on with the first: its folder's name
   * @param nowMs milliseconds since 1970
   */
  constructor(
    private readonly server: MlflowServer,
    private readonly runKey: string,
    private readonly nowMs: () => number = Date.now,
  ) {
    this.name = `mlflow ${server.address}`;
  }

  begin(manifest: RunManifest): void {
    this.manifest = manifest;
    this.start();
  }

  add(event: RunEvent): void {
    for (const { name, value, step } of this.metrics.add(event)) this.put(name, value, step);
    this.start();
  }

  finish(summary: RunSummary): void {
    this.summary = summary;
    for (const [name, value] of Object.entries(trackedResult(summary))) this.put(name, value, summary.steps);
    this.start();
  }

  async close(): Promise<string | undefined> {
    this.closing = true;
    this.start();
    const late = setTimeout(() => this.stop.abort(), CLOSE_MS);
    await this.sender;
    clearTimeout(late);
    const unsent = this.waiting.length + this.leftOut;
    if (this.problem === undefined && unsent === 0) return undefined;
    const what =
      unsent === 0 ? 'the end of the run was not sent' : `${unsent.toLocaleString('en')} values were not sent`;
    return `${this.name}: ${what}${this.problem === undefined ? '' : ` (${this.problem})`}`;
  }

  private put(name: string, value: number, step: number): void {
    if (this.waiting.length >= MAX_WAITING) {
      this.leftOut += 1;
      return;
    }
    // the same however often a run is sent: the server then keeps each value once
    const timestamp = Date.parse(this.manifest?.createdAt ?? '') + step;
    this.waiting.push({ key: metricKey(name), value, timestamp, step });
  }

  /** One sender at a time; it ends when there is nothing to send. */
  private start(): void {
    if (this.manifest === undefined || this.sender !== undefined || this.stop.signal.aborted) return;
    this.sender = this.send()
      .catch((error: unknown) => {
        this.problem = error instanceof Error ? error.message : String(error);
        if (error instanceof Refused) this.stop.abort();
      })
      .finally(() => {
        this.sender = undefined;
      });
  }

  private async send(): Promise<void> {
    const manifest = this.manifest!;
    this.runId ??= await this.persist(() => this.openRun(manifest));
    const run_id = this.runId;
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, MAX_METRICS);
      await this.persist(() => this.post('runs/log-batch', { run_id, metrics: batch }));
      this.waiting.splice(0, batch.length);
      this.problem = undefined;
    }
    if (!this.closing) return;
    const status = this.summary === undefined ? 'KILLED' : 'FINISHED';
    await this.persist(() => this.post('runs/update', { run_id, status, end_time: this.nowMs() }));
    this.problem = undefined;
  }

  private async openRun(manifest: RunManifest): Promise<string> {
    const experiment_id = await this.experiment();
    const found = await this.post('runs/search', {
      experiment_ids: [experiment_id],
      filter: `tags.\`${sessionTag}\` = '${this.runKey.replaceAll("'", '')} ${manifest.provenance.sessionId}'`,
      max_results: 1,
    });
    const known = textAt(found, 'runs', 0, 'info', 'run_id');
    if (known !== undefined) return known;
    const start_time = Date.parse(manifest.createdAt);
    const tags = [
      { key: 'mlflow.runName', value: this.runKey },
      { key: sessionTag, value: `${this.runKey} ${manifest.provenance.sessionId}` },
      { key: 'priot.place', value: manifest.place },
    ];
    const created = await this.post('runs/create', { experiment_id, start_time, run_name: this.runKey, tags });
    const run_id = textAt(created, 'run', 'info', 'run_id');
    if (run_id === undefined) throw new Refused('the server created no run');
    const params = Object.entries(trackedParameters(manifest)).map(([key, value]) => ({
      key,
      value: String(value).slice(0, MAX_VALUE_LENGTH),
    }));
    for (let at = 0; at < params.length; at += MAX_PARAMETERS) {
      await this.post('runs/log-batch', { run_id, params: params.slice(at, at + MAX_PARAMETERS) });
    }
    return run_id;
  }

  private async experiment(): Promise<string> {
    const query = `experiments/get-by-name?experiment_name=${encodeURIComponent(experimentName)}`;
    const found = await this.request(query, { method: 'GET' }, [404]);
    const known = textAt(found, 'experiment', 'experiment_id');
    if (known !== undefined) return known;
    const created = textAt(await this.post('experiments/create', { name: experimentName }), 'experiment_id');
    if (created === undefined) throw new Refused('the server created no experiment');
    return created;
  }

  private post(path: string, body: object): Promise<unknown> {
    return this.request(path, { method: 'POST', body: JSON.stringify(body) });
  }

  /**
   * Sends a request.
   * @param allowed statuses that are answers, too: undefined is returned for them
   */
  private async request(path: string, init: RequestInit, allowed: readonly number[] = []): Promise<unknown> {
    const { address, authorization } = this.server;
    const response = await fetch(`${address}/api/2.0/mlflow/${path}`, {
      ...init,
      headers: { 'Content-Type': 'application/json', ...(authorization && { Authorization: authorization }) },
      signal: AbortSignal.any([this.stop.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    const text = await response.text();
    if (allowed.includes(response.status)) return undefined;
    if (response.status >= 400 && response.status < 500 && response.status !== 408 && response.status !== 429) {
      throw new Refused(`${path.split('?')[0]}: HTTP ${response.status} ${text.slice(0, 200)}`);
    }
    if (!response.ok) throw new Error(`${path.split('?')[0]}: HTTP ${response.status}`);
    return JSON.parse(text) as unknown;
  }

  /** Repeats what failed, with longer and longer pauses, until it succeeds or the tracker is stopped. */
  private async persist<T>(work: () => Promise<T>): Promise<T> {
    for (let pauseMs = FIRST_RETRY_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_RETRY_MS)) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof Refused || this.stop.signal.aborted) throw error;
        this.problem = error instanceof Error ? error.message : String(error);
        await delay(pauseMs, undefined, { signal: this.stop.signal, ref: false });
      }
    }
  }
}

/** MLflow allows letters, digits, `_`, `-`, `.`, blanks and `/`. */
function metricKey(name: string): string {
  return name.replace(/[^\w.\-/ ]/g, '_').slice(0, MAX_KEY_LENGTH);
}

/** Follows a path into an answer; undefined when it does not end at a text. */
function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  let at: unknown = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[key];
  }
  return typeof at === 'string' ? at : undefined;
}
