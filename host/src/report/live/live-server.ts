/**
 * The live page's server: read-only, on the loopback interface, over the runs below one directory. A request is answered
 * only when its Host names this very server, so that a page elsewhere cannot read it by a name of its own (DNS rebinding).
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PriotError, UsageError } from '../../errors.js';
import { loadCharts } from '../charts.js';
import { parallelFigure } from '../figures/parallel.js';
import { html } from '../html.js';
import { figuresOf, makeReport } from '../report.js';
import type { ReportRun } from '../report-run.js';
import { document, errorPage, figuresContent, runList } from './live-pages.js';
import { RunFollower } from './run-follower.js';
import { type IndexedRun, RunIndex, WHOLE } from './run-index.js';

/** How often the directory is looked at while a page is open, in milliseconds. */
const SCAN_INTERVAL_MS = 500;
/** How long a page may take to be loaded anew before it counts as closed, in milliseconds. */
const RELOAD_MS = 3000;
/** Pages that may be open at once. */
const MAX_LISTENERS = 64;
/** Accounts of runs that are kept for the next request. */
const MAX_FOLLOWERS = 32;
const MAX_COMPARED = 24;

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** A server that runs; `close` ends it and every open page's stream. */
export interface LiveServer {
  /** http://127.0.0.1:PORT/ */
  readonly address: string;
  /** Resolves when no page is open, at once or later. A page that is loaded anew counts as open. */
  unwatched(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Serves the runs below a directory on 127.0.0.1.
 * @param port 0: any free one
 * @param madeBy for the foot of reports
 */
export async function serveRuns(directory: string, port: number, madeBy: string): Promise<LiveServer> {
  const pages = new LivePages(resolve(directory), madeBy);
  const server = createServer((request, response) => void pages.answer(request, response));
  server.requestTimeout = 10_000;
  await new Promise<void>((done, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => failed(error.code === 'EADDRINUSE' ? inUse(port) : error));
    server.listen(port, '127.0.0.1', done);
  });
  const bound = (server.address() as AddressInfo).port;
  pages.port = bound;
  return {
    address: `http://127.0.0.1:${bound}/`,
    unwatched: () => pages.unwatched(),
    close: () => closeServer(server, pages),
  };
}

function inUse(port: number): UsageError {
  return new UsageError('PORT_IN_USE', `port ${port} is in use`, 'choose another one with --port, or 0 for any');
}

async function closeServer(server: Server, pages: LivePages): Promise<void> {
  pages.close();
  await new Promise<void>((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

class LivePages {
  port = 0;
  private readonly index: RunIndex;
  private readonly followers = new Map<string, RunFollower>();
  private readonly listeners = new Set<ServerResponse>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    directory: string,
    private readonly madeBy: string,
  ) {
    this.index = new RunIndex(directory);
  }

  close(): void {
    clearInterval(this.timer);
    for (const listener of this.listeners) listener.end();
    this.listeners.clear();
  }

  /** Resolves when no page is open. */
  async unwatched(): Promise<void> {
    while (this.listeners.size > 0) {
      await Promise.all([...this.listeners].map((listener) => once(listener, 'close')));
      await delay(RELOAD_MS);
    }
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('Content-Security-Policy', policy);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    response.setHeader('Cache-Control', 'no-store');
    try {
      const refusal = this.refusal(request);
      if (refusal !== undefined) return send(response, refusal.status, 'text/plain', refusal.text);
      const address = new URL(request.url ?? '/', `http://127.0.0.1:${this.port}`);
      await this.route(address, response);
    } catch (error) {
      if (!(error instanceof PriotError) && !(error instanceof URIError) && !(error instanceof TypeError)) throw error;
      if (!response.headersSent) send(response, 500, 'text/html', errorPage(500, error.message));
    }
  }

  /** Why a request is not answered; undefined when it may be. */
  private refusal({ method, headers }: IncomingMessage): { status: number; text: string } | undefined {
    const own = [`127.0.0.1:${this.port}`, `localhost:${this.port}`];
    if (!own.includes(headers.host ?? '')) return { status: 421, text: 'this server answers only as 127.0.0.1\n' };
    if (headers.origin !== undefined && !own.some((host) => headers.origin === `http://${host}`)) {
      return { status: 403, text: 'requests of other pages are not answered\n' };
    }
    return method === 'GET' || method === 'HEAD' ? undefined : { status: 405, text: 'this server only shows\n' };
  }

  private async route({ pathname, searchParams }: URL, response: ServerResponse): Promise<void> {
    switch (pathname) {
      case '/page.css':
        return send(response, 200, 'text/css', asset('page.css'));
      case '/page.js':
      case '/live.js':
        return send(response, 200, 'text/javascript', asset(pathname.slice(1)));
      case '/events':
        return this.listen(response);
      case '/':
      case '/fragment/list': {
        this.index.scan();
        // the directory is itself a run: there is no list
        if (this.index.get(WHOLE) !== undefined) {
          return await this.figures('/run', new URLSearchParams({ id: WHOLE }), response);
        }
        const content = runList(this.index.runs());
        const whole = document('priot: runs', [], '/fragment/list', content);
        return send(response, 200, 'text/html', pathname === '/' ? whole : content.text);
      }
      case '/run':
      case '/compare':
      case '/fragment/figures':
        return this.figures(pathname, searchParams, response);
      case '/folder':
      case '/fragment/folder':
        return this.folder(pathname, searchParams.get('of') ?? '', response);
      case '/report': {
        const runs = this.chosen(searchParams).map((run) => this.follow(run));
        if (runs.length === 0) return notFound(response);
        response.setHeader('Content-Disposition', 'attachment; filename="report.html"');
        return send(response, 200, 'text/html', await makeReport(runs, { title: 'priot report', madeBy: this.madeBy }));
      }
      default:
        return notFound(response);
    }
  }

  private async figures(pathname: string, parameters: URLSearchParams, response: ServerResponse): Promise<void> {
    this.index.scan();
    const chosen = this.chosen(parameters);
    if (chosen.length === 0) return notFound(response);
    const runs = chosen.map((run) => this.follow(run));
    const query = chosen.map(({ id }) => `run=${encodeURIComponent(id)}`).join('&');
    const links = html`<p>${chosen.map(({ state, name }) => `${name}: ${state}`).join('; ')}. <a href="/report?${query}">Download as a report</a></p>`;
    const problems = runs.flatMap((run) => run.problems.map((problem) => `${run.name}: ${problem}`));
    const content = figuresContent(await figuresOf(runs), problems, links);
    const title = chosen.length === 1 ? chosen[0]!.name : `${chosen.length} runs`;
    const ids = chosen.map(({ id }) => id);
    const whole = document(`priot: ${title}`, ids, `/fragment/figures?${query}`, content);
    send(response, 200, 'text/html', pathname === '/fragment/figures' ? content.text : whole);
  }

  /** A sweep, or any folder with several runs: by their results alone, however many there are. */
  private async folder(pathname: string, name: string, response: ServerResponse): Promise<void> {
    this.index.scan();
    const runs = this.index.runs().filter(({ id }) => id.startsWith(`${name}/`));
    if (runs.length === 0) return notFound(response);
    const settled = runs.flatMap(({ id, manifest }) => (manifest === undefined ? [] : [{ name: id, manifest }]));
    const figure = parallelFigure(await loadCharts(), settled);
    const content = html`${figuresContent([figure], [], html`<p>${runs.length} runs below ${name}.</p>`)}${runList(runs)}`;
    const whole = document(`priot: ${name}`, [], `/fragment/folder?of=${encodeURIComponent(name)}`, content);
    send(response, 200, 'text/html', pathname === '/folder' ? whole : content.text);
  }

  /** The runs that `id` and `run` name: only what the index found can be. */
  private chosen(parameters: URLSearchParams): IndexedRun[] {
    const ids = [...new Set([...parameters.getAll('id'), ...parameters.getAll('run')])].slice(0, MAX_COMPARED);
    if (this.index.runs().length === 0) this.index.scan();
    return ids.flatMap((id) => {
      const run = this.index.get(id);
      return run?.manifest === undefined ? [] : [run];
    });
  }

  private follow(run: IndexedRun): ReportRun {
    const follower = this.followers.get(run.id) ?? new RunFollower(run.path);
    // the one that was used last comes last
    this.followers.delete(run.id);
    this.followers.set(run.id, follower);
    for (const id of this.followers.keys()) {
      if (this.followers.size <= MAX_FOLLOWERS) break;
      this.followers.delete(id);
    }
    return follower.update(run);
  }

  /** Server-sent events: which runs changed. Nothing is looked at while nobody listens. */
  private listen(response: ServerResponse): void {
    if (this.listeners.size >= MAX_LISTENERS) {
      send(response, 503, 'text/plain', 'too many open pages\n');
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('retry: 1000\n\n');
    this.listeners.add(response);
    this.timer ??= setInterval(() => this.look(), SCAN_INTERVAL_MS);
    response.once('close', () => {
      this.listeners.delete(response);
      if (this.listeners.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    });
  }

  private look(): void {
    const changed = this.index.scan();
    const text = changed.length > 0 ? `event: change\ndata: ${JSON.stringify(changed)}\n\n` : ': still here\n\n';
    // a page that does not read is not written to: it asks for everything when it is back
    for (const listener of this.listeners) if (!listener.writableNeedDrain) listener.write(text);
  }
}

function asset(name: string): string {
  return readFileSync(new URL(`../../../web/${name}`, import.meta.url), 'utf8');
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` });
  response.end(body);
}

function notFound(response: ServerResponse): void {
  send(response, 404, 'text/html', errorPage(404, 'There is no such run below the directory.'));
}
