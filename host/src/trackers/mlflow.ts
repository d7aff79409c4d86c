/**
 * Sends runs to an MLflow tracking server: experiment, run, parameters, metrics by step, tags, artefacts. Sending goes on
 * in the background; a server that is slow or away costs a session nothing.
 */
import { readFileSync } from 'node:fs';
import type { RunManifest, RunSummary } from '../runs/run-manifest.js';
import { MlflowClient, type MlflowServer, Refused } from './mlflow-client.js';
import { type TrackedMetric, trackedParameters, trackedResult } from './tracked-metrics.js';
import type { Artefact, Tracker } from './tracker.js';

export { type MlflowServer, mlflowServer } from './mlflow-client.js';

/** Limits of a request, from mlflow/utils/validation.py. */
const MAX_METRICS = 900;
const MAX_PARAMETERS = 100;
const MAX_VALUE_LENGTH = 6000;
const MAX_KEY_LENGTH = 250;
const MAX_TAG_LENGTH = 5000;

/** Metrics that wait to be sent; beyond it the session is told what was left out. */
const MAX_WAITING = 200_000;
/** Metrics are collected for so long before they are sent: a request costs a session more than its metrics do. */
const COLLECT_MS = 2_000;
/** How long a session's end waits for what is left. */
const CLOSE_MS = 10_000;

const defaultExperiment = 'priot';
/** The tag by which a run is found again: an export of the same run goes on with it. */
const runTag = 'priot.run';

interface Metric {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

interface ServedRun {
  readonly run_id: string;
  /** Where its artefacts go; undefined: the server did not say. */
  readonly artifactUri: string | undefined;
}

/** Sends one run to an MLflow server while it goes on. */
export class MlflowTracker implements Tracker {
  readonly name: string;
  private readonly client: MlflowClient;
  private readonly waiting: Metric[] = [];
  private manifest: RunManifest | undefined;
  private summary: RunSummary | undefined;
  private artefacts: readonly Artefact[] = [];
  private leftOut = 0;
  private sender: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private served: ServedRun | undefined;
  private closing = false;

  /**
   * Makes a tracker.
   * @param runName names the run on the server: its folder's name
   * @param nowMs milliseconds since 1970
   */
  constructor(
    private readonly server: MlflowServer,
    private readonly runName: string,
    private readonly nowMs: () => number = Date.now,
  ) {
    this.name = `mlflow ${server.address}`;
    this.client = new MlflowClient(server);
  }

  begin(manifest: RunManifest): void {
    this.manifest = manifest;
    this.start();
  }

  add(metrics: readonly TrackedMetric[]): void {
    if (metrics.length === 0) return;
    for (const { name, value, step } of metrics) this.put(name, value, step);
    this.flush();
  }

  finish(summary: RunSummary, artefacts: readonly Artefact[]): void {
    this.summary = summary;
    this.artefacts = artefacts;
    for (const [name, value] of Object.entries(trackedResult(summary))) this.put(name, value, summary.steps);
  }

  async close(): Promise<string | undefined> {
    clearTimeout(this.timer);
    const late = setTimeout(() => this.client.stop(), CLOSE_MS);
    // what is under way first: the end of the run is sent after everything else
    await this.sender;
    this.closing = true;
    this.start();
    await this.sender;
    clearTimeout(late);
    const { problem } = this.client;
    const unsent = this.waiting.length + this.leftOut;
    if (problem === undefined && unsent === 0) return undefined;
    const what =
      unsent === 0 ? 'the end of the run was not sent' : `${unsent.toLocaleString('en')} values were not sent`;
    return `${this.name}: ${what}${problem === undefined ? '' : ` (${problem})`}`;
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

  flush(): void {
    if (this.closing || this.client.stopped) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.start();
    }, COLLECT_MS).unref();
  }

  /** One sender at a time; it ends when there is nothing to send. */
  private start(): void {
    if (this.manifest === undefined || this.sender !== undefined || this.client.stopped) return;
    this.sender = this.send(this.manifest)
      .catch((error: unknown) => {
        // of a client that was stopped, what went wrong before says more
        if (!this.client.stopped) this.client.problem = error instanceof Error ? error.message : String(error);
        this.client.problem ??= 'the server did not answer in time';
        if (error instanceof Refused) this.client.stop();
      })
      .finally(() => {
        this.sender = undefined;
      });
  }

  private async send(manifest: RunManifest): Promise<void> {
    const { client } = this;
    this.served ??= await client.persist(() => this.openRun(manifest));
    const { run_id, artifactUri } = this.served;
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, MAX_METRICS);
      await client.persist(() => client.post('runs/log-batch', { run_id, metrics: batch }));
      this.waiting.splice(0, batch.length);
    }
    if (!this.closing) return;
    await client.persist(() => this.sendArtefacts(run_id, artifactUri));
    const status = this.summary === undefined ? 'KILLED' : 'FINISHED';
    await client.persist(() => client.post('runs/update', { run_id, status, end_time: this.nowMs() }));
  }

  private async openRun(manifest: RunManifest): Promise<ServedRun> {
    const { client } = this;
    const experiment_id = await this.experiment();
    const key = `${this.runName.replaceAll("'", '')} ${manifest.provenance.sessionId} ${manifest.createdAt}`;
    const filter = `tags.\`${runTag}\` = '${key}'`;
    const found = await client.post('runs/search', { experiment_ids: [experiment_id], filter, max_results: 1 });
    const info = valueAt(found, 'runs', 0, 'info') ?? (await this.createRun(manifest, experiment_id, key));
    const run_id = textAt(info, 'run_id');
    if (run_id === undefined) throw new Refused('the server created no run');
    // also of a run that was there: it may have been cut off before
    const params = Object.entries(trackedParameters(manifest)).map(([name, value]) => ({
      key: name,
      value: String(value).slice(0, MAX_VALUE_LENGTH),
    }));
    for (let at = 0; at < params.length; at += MAX_PARAMETERS) {
      await client.post('runs/log-batch', { run_id, params: params.slice(at, at + MAX_PARAMETERS) });
    }
    return { run_id, artifactUri: textAt(info, 'artifact_uri') };
  }

  private async createRun(manifest: RunManifest, experiment_id: string, key: string): Promise<unknown> {
    const created = await this.client.post('runs/create', {
      experiment_id,
      start_time: Date.parse(manifest.createdAt),
      run_name: this.runName,
      tags: [
        { key: 'mlflow.runName', value: this.runName },
        { key: runTag, value: key },
        { key: 'priot.place', value: manifest.place },
        { key: 'priot.command', value: manifest.command.join(' ').slice(0, MAX_TAG_LENGTH) },
      ],
    });
    return valueAt(created, 'run', 'info');
  }

  private async experiment(): Promise<string> {
    const name = this.server.experiment ?? defaultExperiment;
    const found = await this.client.find(`experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`);
    const known = textAt(found, 'experiment', 'experiment_id');
    if (known !== undefined) return known;
    const created = textAt(await this.client.post('experiments/create', { name }), 'experiment_id');
    if (created === undefined) throw new Refused('the server created no experiment');
    return created;
  }

  /** Puts the run's files beside it. A server that takes none itself (a bucket, a disk) gets a tag that says so. */
  private async sendArtefacts(run_id: string, artifactUri: string | undefined): Promise<void> {
    if (this.artefacts.length === 0) return;
    const store =
      artifactUri === undefined ? undefined : /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.+)$/.exec(artifactUri)?.[1];
    if (store === undefined) {
      const value = 'not sent: this server has no artefact proxy';
      await this.client.post('runs/set-tag', { run_id, key: 'priot.artefacts', value });
      return;
    }
    for (const { name, path } of this.artefacts) await this.client.upload(`${store}/${name}`, readFileSync(path));
  }
}

/** MLflow allows letters, digits, `_`, `-`, `.`, blanks and `/`. */
function metricKey(name: string): string {
  return name.replace(/[^\w.\-/ ]/g, '_').slice(0, MAX_KEY_LENGTH);
}

/** Follows a path into an answer; undefined when it ends before. */
function valueAt(value: unknown, ...path: readonly (string | number)[]): unknown {
  let at: unknown = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[key];
  }
  return at;
}

function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const at = valueAt(value, ...path);
  return typeof at === 'string' ? at : undefined;
}
