/**
 * Deterministic emulated time (docs/emulator.md): when the host's bytes reach the device depends on emulated time and
 * on what they answer, never on how fast either thread runs.
 */

import { CLOCK_HZ, cyclesOfMs } from './emulated-clock.js';
import type { Actions, Command, DeviceEvent } from './messages.js';
import { Pico, type PicoOptions } from './pico.js';

/** The most that one call of `advance` runs unless told otherwise, so that commands are seen soon: 10 emulated ms. */
const SLICE_CYCLES = CLOCK_HZ / 100;
/** A device that neither sends nor sleeps for so long counts as idle, or nothing would ever reach it again. */
const STUCK_CYCLES = 10 * CLOCK_HZ;

/** Something that happened at `cycles`; the host's actions take effect at `dueCycles`, and time waits for them there. */
interface Turn {
  readonly number: number;
  readonly cycles: number;
  readonly dueCycles: number;
  actions: Actions | undefined;
}

interface Delay {
  readonly id: number;
  readonly dueCycles: number;
}

export interface TurnsOptions extends Pick<PicoOptions, 'rom' | 'flash' | 'flashChip' | 'libraryCore'> {
  readonly latencyMs: number;
  /** The most cycles that one call of `advance` runs; changes nothing that host or device can see. */
  readonly sliceCycles?: number;
}

export class Turns {
  readonly pico: Pico;
  private readonly latencyCycles: number;
  private readonly sliceCycles: number;
  /** Events that wait for the host, in order of time. */
  private readonly turns: Turn[] = [];
  /** Delays that are pending, in order of time. */
  private readonly delays: Delay[] = [];
  /** What came out of the blue and waits for an idle device. */
  private readonly unasked: Actions[] = [];
  private events: DeviceEvent[] = [];
  private nextTurn = 0;
  private lastTurnCycles = 0;
  private ready = false;
  private lost = false;

  constructor(options: TurnsOptions) {
    this.sliceCycles = options.sliceCycles ?? SLICE_CYCLES;
    this.latencyCycles = cyclesOfMs(options.latencyMs);
    this.pico = new Pico({
      ...options,
      onConsoleLine: (line) => this.events.push({ type: 'console', line }),
      onPacket: (bytes) => {
        const { cycles } = this.pico;
        this.events.push({ type: 'packet', turn: this.openTurn(cycles), cycles, bytes });
      },
      onIdle: () => this.turns.length === 0 && (this.delays.length === 0 || this.unasked.length > 0),
    });
  }

  /** A command of the host; takes effect in `advance`. */
  receive(command: Command): void {
    if (command.turn === undefined) {
      this.unasked.push(command.actions);
      return;
    }
    const turn = this.turns.find((entry) => entry.number === command.turn);
    if (turn) turn.actions = command.actions;
  }

  /** The events since the last call, in order. */
  takeEvents(): DeviceEvent[] {
    const { events } = this;
    this.events = [];
    return events;
  }

  /** Does the next thing: at most a slice of emulated time. False: only a command can bring anything new. */
  advance(): boolean {
    if (this.lost) return false;
    const running = this.next();
    const { lost, cdc, cycles } = this.pico;
    if (lost) {
      this.lost = true;
      this.events.push(lost);
      return false;
    }
    // ready only now, so that all the device sends by itself lies before it, however fast the host is
    if (!running && !this.ready && cdc.configured) {
      this.ready = true;
      this.events.push({ type: 'ready', cycles });
    }
    return running;
  }

  private next(): boolean {
    const { pico, turns, delays, unasked } = this;
    const now = pico.cycles;

    const turn = turns[0];
    if (turn && now >= turn.dueCycles) {
      if (!turn.actions) return false;
      turns.shift();
      this.apply(turn.actions, turn.cycles);
      return true;
    }
    const delay = delays[0];
    if (delay && now >= delay.dueCycles) {
      delays.shift();
      this.events.push({ type: 'elapsed', turn: this.openTurn(now), cycles: now, id: delay.id });
      return true;
    }
    if (!turn && (pico.idle || now - this.lastTurnCycles >= STUCK_CYCLES)) {
      const actions = unasked.shift();
      if (actions) {
        this.openTurn(now, actions);
        return true;
      }
      if (!delay) return false;
    }
    const stuckCycles = this.lastTurnCycles + STUCK_CYCLES;
    pico.machine.run(
      Math.min(
        now + this.sliceCycles,
        turn?.dueCycles ?? Number.POSITIVE_INFINITY,
        delay?.dueCycles ?? Number.POSITIVE_INFINITY,
        stuckCycles > now ? stuckCycles : Number.POSITIVE_INFINITY,
      ),
    );
    return true;
  }

  private openTurn(cycles: number, actions?: Actions): number {
    const number = this.nextTurn++;
    this.turns.push({ number, cycles, dueCycles: cycles + this.latencyCycles, actions });
    this.lastTurnCycles = cycles;
    return number;
  }

  /** The actions of a turn that began at `cycles`, now that they are due. */
  private apply(actions: Actions, cycles: number): void {
    for (const id of actions.cancelled) {
      const at = this.delays.findIndex((delay) => delay.id === id);
      if (at >= 0) this.delays.splice(at, 1);
    }
    for (const { id, ms } of actions.delays) {
      if (actions.cancelled.includes(id)) continue;
      const dueCycles = cycles + cyclesOfMs(ms);
      const after = this.delays.findIndex((delay) => delay.dueCycles > dueCycles);
      this.delays.splice(after < 0 ? this.delays.length : after, 0, { id, dueCycles });
    }
    for (const bytes of actions.bytes) this.pico.cdc.send(bytes);
    this.lastTurnCycles = this.pico.cycles;
  }
}
