/**
 * The second core and what lies between the two: mailboxes, events, reset (RP2040 datasheet 2.3.1, 2.4.2, 2.8.2). Its
 * instructions are the interleaving's to run (interleaving.ts).
 */

import type { RP2040 } from 'rp2040js';

type Core = RP2040['core'];
type Sio = RP2040['sio'];
type Ppb = RP2040['ppb'];

const PSM_PAGE = 0x40010;
/** PSM.FRCE_OFF: holds core 1 in reset. */
const FORCE_OFF_CORE_1 = 1 << 16;

const SIO_START = 0xd0000000;
const SIO_END = 0xe0000000;
/** Page of the core's own registers: SysTick, interrupt controller, system control. */
const PPB_PAGE = 0xe000e;

const CPU_ID = 0x000;
const FIFO_STATUS = 0x050;
const FIFO_WRITE = 0x054;
const FIFO_READ = 0x058;
const FIFO_WORDS = 8;
/** SIO_IRQ_PROC0; core 1's is the next. Each goes to its core alone. */
const FIRST_FIFO_IRQ = 15;

const WFE = 0xbf20;

/** What the cores share of the single-cycle I/O block: pins and spinlocks. The rest is each core's own. */
const SHARED_SIO = ['gpioValue', 'gpioOutputEnable', 'qspiGpioValue', 'qspiGpioOutputEnable', 'spinLock'] as const;

/** What a core reads of its side of the mailboxes (RP2040 datasheet 2.3.1.4). */
interface Mailbox {
  /** Words for this core, oldest first. */
  words: number[];
  /** It read when there was none, or wrote when there was no room. */
  readEmpty: boolean;
  wroteFull: boolean;
}

function emptyMailbox(): Mailbox {
  return { words: [], readEmpty: false, wroteFull: false };
}

/** Makes an interrupt of the chip pending at a core, or not. */
export function setPending(core: Core, irq: number, value: boolean): void {
  const bit = 1 << irq;
  if (!value) core.pendingInterrupts &= ~bit;
  else if (!(core.pendingInterrupts & bit)) {
    core.pendingInterrupts |= bit;
    core.interruptsUpdated = true;
  }
}

/** Tells whether a sleeping core has the event that its WFE waits for. */
export function hasEvent(core: Core): boolean {
  return core.eventRegistered && core.readUint16((core.PC - 2) & ~1) === WFE;
}

/** The chip as the second core sees it: all is the first one's but PPB and SIO. */
class SecondBus {
  core!: Core;
  ppb!: Ppb;
  sio!: Sio;

  constructor(private readonly chip: RP2040) {}

  get clock() {
    return this.chip.clock;
  }
  get clkSys() {
    return this.chip.clkSys;
  }
  get logger() {
    return this.chip.logger;
  }
  get onBreak() {
    return this.chip.onBreak;
  }
  get gpioValues() {
    return this.chip.gpioValues;
  }
  get gpio() {
    return this.chip.gpio;
  }
  get qspi() {
    return this.chip.qspi;
  }

  private own(address: number): Sio | Ppb | undefined {
    if (address >= SIO_START && address < SIO_END) return this.sio;
    return address >>> 12 === PPB_PAGE ? this.ppb : undefined;
  }

  readUint32(address: number): number {
    const unsigned = address >>> 0;
    const own = this.own(unsigned);
    return own
      ? own.readUint32(own === this.sio ? unsigned - SIO_START : unsigned & 0xfff)
      : this.chip.readUint32(unsigned);
  }

  readUint16(address: number): number {
    const unsigned = address >>> 0;
    if (!this.own(unsigned)) return this.chip.readUint16(unsigned);
    return (this.readUint32(unsigned & ~3) >>> ((unsigned & 2) * 8)) & 0xffff;
  }

  readUint8(address: number): number {
    const unsigned = address >>> 0;
    if (!this.own(unsigned)) return this.chip.readUint8(unsigned);
    return (this.readUint32(unsigned & ~3) >>> ((unsigned & 3) * 8)) & 0xff;
  }

  writeUint32(address: number, value: number): void {
    const unsigned = address >>> 0;
    const own = this.own(unsigned);
    if (own) own.writeUint32(own === this.sio ? unsigned - SIO_START : unsigned & 0xfff, value);
    else this.chip.writeUint32(unsigned, value);
  }

  // narrow stores put their value on every lane of the bus (RP2040 datasheet 2.1.4)
  writeUint16(address: number, value: number): void {
    if (this.own(address >>> 0)) this.writeUint32(address & ~3, (value & 0xffff) * 0x10001);
    else this.chip.writeUint16(address >>> 0, value);
  }

  writeUint8(address: number, value: number): void {
    if (this.own(address >>> 0)) this.writeUint32(address & ~3, (value & 0xff) * 0x1010101);
    else this.chip.writeUint8(address >>> 0, value);
  }
}

export class SecondCore {
  core!: Core;
  /** It runs, or has been given a reason to: the interleaving's to look at, and to clear when it sleeps. */
  awake = true;
  private held = false;
  private mailboxes: [Mailbox, Mailbox] = [emptyMailbox(), emptyMailbox()];
  private readonly bus: SecondBus;

  /** Puts a second core beside the chip's, in reset: it begins where the first one does, in the boot ROM. */
  constructor(private readonly chip: RP2040) {
    this.bus = new SecondBus(chip);
    this.addMailbox(chip.sio, 0);
    this.reset();
    const psm = chip.peripherals[PSM_PAGE] as unknown as {
      writeUint32(offset: number, value: number): void;
      frceOff: number;
    };
    const write = psm.writeUint32.bind(psm);
    psm.writeUint32 = (offset, value) => {
      write(offset, value);
      this.hold((psm.frceOff & FORCE_OFF_CORE_1) !== 0);
    };
    const { logger } = chip;
    (chip as { logger: typeof logger }).logger = {
      ...logger,
      info: (component, message) => {
        if (message === 'SEV') this.sendEvent();
        else logger.info(component, message);
      },
    };
  }

  /** A new core in its reset state, whose time is the chip's. */
  private reset(): void {
    const { chip, bus } = this;
    bus.ppb?.reset(); // its SysTick counts no more
    const asChip = bus as unknown as RP2040;
    bus.core = new (chip.core.constructor as new (chip: RP2040) => Core)(asChip);
    bus.ppb = new (chip.ppb.constructor as new (chip: RP2040, name: string) => Ppb)(asChip, 'PPB1');
    const sio = new (chip.sio.constructor as new (chip: RP2040) => Sio)(asChip);
    const first = chip.sio as unknown as Record<string, number>;
    for (const field of SHARED_SIO) {
      Object.defineProperty(sio, field, {
        get: () => first[field],
        set: (value: number) => {
          first[field] = value;
        },
      });
    }
    this.addMailbox(sio, 1);
    bus.sio = sio;
    bus.core.reset();
    bus.core.cycles = chip.core.cycles;
    this.core = bus.core;
    this.awake = !this.held;
  }

  /** Holds it in reset, or lets it go. */
  private hold(held: boolean): void {
    if (held === this.held) return;
    this.held = held;
    this.mailboxes = [emptyMailbox(), emptyMailbox()];
    this.updateInterrupts();
    this.reset();
  }

  /** Sets both cores' event registers: SEV. */
  private sendEvent(): void {
    this.chip.core.eventRegistered = true;
    this.core.eventRegistered = true;
    this.stir();
  }

  /** Has the interleaving see whether it may sleep on. */
  stir(): void {
    this.awake = !this.held;
  }

  /** Makes an interrupt of the chip pending at both cores. */
  setInterrupt(irq: number, value: boolean): void {
    setPending(this.core, irq, value);
    if (value && this.core.enabledInterrupts & (1 << irq)) this.stir();
  }

  private updateInterrupts(): void {
    for (const [number, core] of [this.chip.core, this.core].entries()) {
      const { words, readEmpty, wroteFull } = this.mailboxes[number]!;
      setPending(core, FIRST_FIFO_IRQ + number, words.length > 0 || readEmpty || wroteFull);
    }
    this.stir();
  }

  private addMailbox(sio: Sio, number: 0 | 1): void {
    const [read, write] = [sio.readUint32.bind(sio), sio.writeUint32.bind(sio)];
    sio.readUint32 = (offset) => {
      const mine = this.mailboxes[number];
      switch (offset) {
        case CPU_ID:
          return number;
        case FIFO_STATUS: {
          const room = this.mailboxes[1 - number]!.words.length < FIFO_WORDS;
          return (mine.words.length > 0 ? 1 : 0) | (room ? 2 : 0) | (mine.wroteFull ? 4 : 0) | (mine.readEmpty ? 8 : 0);
        }
        case FIFO_READ: {
          const word = mine.words.shift();
          if (word === undefined) mine.readEmpty = true;
          this.updateInterrupts();
          return word ?? 0;
        }
        default:
          return read(offset);
      }
    };
    sio.writeUint32 = (offset, value) => {
      const mine = this.mailboxes[number];
      if (offset === FIFO_STATUS) mine.wroteFull = mine.readEmpty = false;
      else if (offset === FIFO_WRITE) {
        const theirs = this.mailboxes[1 - number]!;
        if (theirs.words.length < FIFO_WORDS) theirs.words.push(value >>> 0);
        else mine.wroteFull = true;
      } else {
        write(offset, value);
        return;
      }
      this.updateInterrupts();
    };
  }
}
