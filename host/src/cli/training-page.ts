/** The live page of `priot train --ui`: it is there from the run's beginning until nobody looks at it any more. */
import { PriotError } from '../errors.js';
import type { LiveServer } from '../report/live/live-server.js';
import { uiBeside } from '../sessions/ui-beside.js';
import { listenForInterruption } from './interruption.js';

/** A page that is not open is told of sooner than this: there is nothing to say then. */
const TELL_AFTER_MS = 250;

/** Serves the page of one run. What goes wrong with it ends no session. */
export class TrainingPage {
  private opening: Promise<LiveServer | undefined> | undefined;
  private tell: (text: string) => void = () => {};

  /**
   * Makes it, without opening it.
   * @param port true: the usual one, or any that is free
   */
  constructor(private readonly port: number | true) {}

  /** Serves the page of the run in a folder. `tell` prints where it is, or why it is not there. */
  open(run: string, tell: (text: string) => void): void {
    this.tell = tell;
    this.opening = this.serve(run).then(
      (server) => {
        tell(`live page: ${server.address}`);
        return server;
      },
      (error: unknown) => {
        tell(`there is no live page: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      },
    );
  }

  /** Waits, after the run, until no page is open or Ctrl-C. */
  async untilClosed(): Promise<void> {
    const server = await this.opening;
    if (server === undefined) return;
    const interruption = listenForInterruption('closing the live page');
    let unwatched = false;
    const wait = server.unwatched().then(() => {
      unwatched = true;
    });
    await Promise.race([wait, new Promise((resolve) => setTimeout(resolve, TELL_AFTER_MS).unref())]);
    if (!unwatched) {
      this.tell('the live page stays until it is closed; Ctrl-C ends it');
      const stopped = new Promise((resolve) => interruption.signal.addEventListener('abort', resolve));
      if (!interruption.signal.aborted) await Promise.race([wait, stopped]);
    }
    interruption.dispose();
  }

  /** Ends it. */
  async close(): Promise<void> {
    await (await this.opening)?.close();
  }

  private async serve(dir: string): Promise<LiveServer> {
    if (this.port !== true) return uiBeside({ dir, port: this.port });
    try {
      return await uiBeside({ dir });
    } catch (error) {
      if (!(error instanceof PriotError) || error.code !== 'PORT_IN_USE') throw error;
      return uiBeside({ dir, port: 0 });
    }
  }
}
