/** A server that takes MLflow's REST API 2.0 by its documented schema, and refuses what does not fit. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ServedRun {
  id: string;
  name: string;
  status: string;
  tags: Map<string, string>;
  params: Map<string, string>;
  /** Files by their names below the run's place. */
  artefacts: Map<string, Uint8Array>;
  /** Identical values are kept once, as MLflow's store does. */
  metrics: Map<string, { key: string; value: number; timestamp: number; step: number }>;
}

export interface MlflowServerForTests {
  address: string;
  runs: ServedRun[];
  requests: { path: string; authorization: string | undefined; body: unknown }[];
  /** Answers the next requests with these statuses instead. */
  failNext: number[];
  close(): Promise<void>;
}

class BadRequest extends Error {}

function check(condition: unknown, complaint: string): asserts condition {
  if (!condition) throw new BadRequest(complaint);
}

const keyPattern = /^[/\w.\- ]{1,250}$/;

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

function bodyOf(bytes: Buffer): Record<string, unknown> {
  const text = bytes.toString();
  check(Buffer.byteLength(text) <= 1_000_000, 'a request has at most 1,000,000 bytes');
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

type Body = Record<string, unknown>;

/**
 * Starts one.
 * @param artefactRoot where it says that artefacts go: its own proxy, unless told otherwise
 */
export async function startMlflowServer(artefactRoot = 'mlflow-artifacts:/'): Promise<MlflowServerForTests> {
  const runs: ServedRun[] = [];
  const requests: MlflowServerForTests['requests'] = [];
  const failNext: number[] = [];
  const experiments = new Map<string, string>();
  const runOf = (body: Body) => {
    const run = runs.find(({ id }) => id === body.run_id);
    check(run, 'run_id names no run');
    return run;
  };
  const infoOf = ({ id }: ServedRun) => ({ run_id: id, artifact_uri: `${artefactRoot}1/${id}/artifacts` });
  const list = (value: unknown): Body[] => {
    check(value === undefined || Array.isArray(value), 'a list is expected');
    return (value ?? []) as Body[];
  };
  const handlers: Record<string, (body: Body, query: URLSearchParams) => unknown> = {
    'GET experiments/get-by-name': (_, query) => {
      const id = experiments.get(query.get('experiment_name') ?? '');
      return id === undefined ? undefined : { experiment: { experiment_id: id } };
    },
    'POST experiments/create': ({ name }) => {
      check(typeof name === 'string' && !experiments.has(name), 'an experiment needs a name of its own');
      experiments.set(name, String(experiments.size + 1));
      return { experiment_id: experiments.get(name) };
    },
    'POST runs/search': ({ experiment_ids, filter }) => {
      check(Array.isArray(experiment_ids), 'experiment_ids is a list');
      const wanted = /^tags\.`([^`]+)` = '([^']*)'$/.exec(String(filter));
      check(wanted, `the filter ${filter} is none`);
      const found = runs.filter(({ tags }) => tags.get(wanted[1]!) === wanted[2]);
      return found.length === 0 ? {} : { runs: found.map((run) => ({ info: infoOf(run) })) };
    },
    'POST runs/create': ({ experiment_id, start_time, run_name, tags }) => {
      check([...experiments.values()].includes(String(experiment_id)), 'experiment_id names none');
      check(Number.isSafeInteger(start_time) && (start_time as number) > 1e12, 'start_time is in milliseconds');
      check(typeof run_name === 'string', 'run_name is text');
      const entries = list(tags).map(({ key, value }): [string, string] => {
        check(typeof key === 'string' && keyPattern.test(key), `tag ${key}`);
        check(typeof value === 'string' && value.length <= 5000, `value of tag ${key}`);
        return [key, value];
      });
      const id = `run${runs.length + 1}`;
      const run = {
        id,
        name: run_name,
        status: 'RUNNING',
        tags: new Map(entries),
        params: new Map(),
        metrics: new Map(),
        artefacts: new Map(),
      };
      runs.push(run);
      return { run: { info: infoOf(run) } };
    },
    'POST runs/set-tag': (body) => {
      const { key, value } = body;
      check(typeof key === 'string' && keyPattern.test(key) && typeof value === 'string', 'a tag');
      runOf(body).tags.set(key, value);
      return {};
    },
    'POST runs/log-batch': (body) => {
      const run = runOf(body);
      const [metrics, params, tags] = [list(body.metrics), list(body.params), list(body.tags)];
      check(metrics.length <= 1000 && params.length <= 100 && tags.length <= 100, 'a batch is too large');
      check(metrics.length + params.length + tags.length <= 1000, 'a batch is too large in all');
      for (const { key, value, timestamp, step } of metrics) {
        check(typeof key === 'string' && keyPattern.test(key), `metric ${key}`);
        check(typeof value === 'number' && Number.isFinite(value), `value of ${key}`);
        check(Number.isSafeInteger(timestamp) && (timestamp as number) > 1e12, `timestamp of ${key}`);
        check(Number.isSafeInteger(step), `step of ${key}`);
        const metric = { key, value, timestamp: timestamp as number, step: step as number };
        run.metrics.set(JSON.stringify(metric), metric);
      }
      for (const { key, value } of params) {
        check(typeof key === 'string' && keyPattern.test(key), `param ${key}`);
        check(typeof value === 'string' && value.length <= 6000, `value of ${key} is text`);
        check((run.params.get(key) ?? value) === value, `param ${key} never changes`);
        run.params.set(key, value);
      }
      return {};
    },
    'POST runs/update': (body) => {
      const run = runOf(body);
      check(['RUNNING', 'FINISHED', 'FAILED', 'KILLED'].includes(String(body.status)), 'status');
      check(Number.isSafeInteger(body.end_time), 'end_time is in milliseconds');
      run.status = String(body.status);
      return { run_info: { run_id: run.id } };
    },
  };
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      const path = url.pathname.replace('/api/2.0/mlflow/', '');
      const bytes = await bytesOf(request);
      const failure = failNext.shift();
      const answer = (status: number, value: unknown) => {
        response.writeHead(status, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(value));
      };
      try {
        const upload = /^\/api\/2\.0\/mlflow-artifacts\/artifacts\/1\/(run\d+)\/artifacts\/(.+)$/.exec(url.pathname);
        const body = upload === null ? bodyOf(bytes) : {};
        requests.push({ path: `${request.method} ${path}`, authorization: request.headers.authorization, body });
        if (failure !== undefined) return answer(failure, { error_code: 'TEMPORARILY_UNAVAILABLE' });
        if (upload !== null && request.method === 'PUT') {
          runOf({ run_id: upload[1] }).artefacts.set(decodeURIComponent(upload[2]!), bytes);
          return answer(200, {});
        }
        check(request.method === 'GET' || request.headers['content-type'] === 'application/json', 'JSON is expected');
        const handler = handlers[`${request.method} ${path}`];
        if (handler === undefined) return answer(404, { error_code: 'ENDPOINT_NOT_FOUND' });
        const value = handler(body, url.searchParams);
        return value === undefined ? answer(404, { error_code: 'RESOURCE_DOES_NOT_EXIST' }) : answer(200, value);
      } catch (error) {
        return answer(400, { error_code: 'INVALID_PARAMETER_VALUE', message: String(error) });
      }
    })();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    runs,
    requests,
    failNext,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
