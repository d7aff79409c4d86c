/**
 * The flash chip of a Pico, a Winbond W25Q16JV, as its pins see it: instructions byte by byte while it is selected.
 *
 * Instructions, identification and typical times: W25Q16JV datasheet, "Instruction Set Table" and "AC Electrical
 * Characteristics".
 */

import { CLOCK_HZ } from './emulated-clock.js';

const PAGE_BYTES = 256;
const SECTOR_BYTES = 4096;
const HALF_BLOCK_BYTES = 32 * 1024;
const BLOCK_BYTES = 64 * 1024;

const WRITE_STATUS = 0x01;
const PAGE_PROGRAM = 0x02;
const READ_DATA = 0x03;
const WRITE_DISABLE = 0x04;
const READ_STATUS_1 = 0x05;
const WRITE_ENABLE = 0x06;
const SECTOR_ERASE = 0x20;
const WRITE_STATUS_2 = 0x31;
const READ_STATUS_2 = 0x35;
const READ_UNIQUE_ID = 0x4b;
const HALF_BLOCK_ERASE = 0x52;
const READ_JEDEC_ID = 0x9f;
const BLOCK_ERASE = 0xd8;
const FAST_READ_QUAD_IO = 0xeb;

const BUSY = 1;
const WRITE_ENABLED = 2;
const QUAD_ENABLE = 2;
/** M5-4 of the mode bits are 10: the next read comes without an instruction. */
const CONTINUOUS_READ = 0xa0;
const MODE_MASK = 0x30;
const NOTHING_DRIVEN = 0xff;

const ERASED_BYTES = new Map([
  [SECTOR_ERASE, SECTOR_BYTES],
  [HALF_BLOCK_ERASE, HALF_BLOCK_BYTES],
  [BLOCK_ERASE, BLOCK_BYTES],
]);
const ERASE_SECONDS = new Map([
  [SECTOR_BYTES, 0.045],
  [HALF_BLOCK_BYTES, 0.12],
  [BLOCK_BYTES, 0.15],
]);
const PROGRAM_SECONDS = 0.0004;
const WRITE_STATUS_SECONDS = 0.01;

export interface FlashChipOptions {
  /** Manufacturer, memory type, capacity as a power of two: what instruction 9Fh reads. 0xef4015, 2 MB, when left out. */
  readonly jedecId?: number;
  /** What it really holds, a power of two; left out: what its JEDEC id says, 2 MB where that says nothing. */
  readonly bytes?: number;
  /** 8 bytes, what instruction 4Bh reads. Left out: the reserved board id of an emulated Pico (docs/wire.md). */
  readonly uniqueId?: Uint8Array;
}

const DEFAULT_JEDEC_ID = 0xef4015;
const EMULATED_ID = Buffer.from('PRIOTEMU', 'latin1');

export class FlashChip {
  /** The cycle of emulated time until which it erases, programs or writes a register. */
  busyUntilCycles = 0;
  /** It reads without an instruction, four bits at a time, as boot2 leaves it for execute-in-place. */
  continuousRead = false;
  /** Erase and program operations so far. */
  operations = 0;
  private readonly bytes: number;
  private readonly jedecId: number;
  private readonly uniqueId: Uint8Array;
  private selected = false;
  private command = -1;
  private readonly received: number[] = [];
  private count = 0;
  private writeEnabled = false;
  /** Status register 2. The parts sold for a Pico (W25Q16JVxxIQ) leave the factory with quad I/O enabled. */
  private status2 = QUAD_ENABLE;

  /**
   * Makes a flash chip.
   * @param array what the chip holds; a chip of less than its length shows, and changes, the same bytes again and again
   * @param nowCycles emulated time
   * @param onChange bytes were erased or programmed, from `offset` on
   * @param onBusy the status was read while the chip was busy: whoever polls it has nothing else to do
   */
  constructor(
    private readonly array: Uint8Array,
    private readonly nowCycles: () => number,
    private readonly onChange: (offset: number, count: number) => void,
    options: FlashChipOptions = {},
    private readonly onBusy: () => void = () => {},
  ) {
    this.jedecId = options.jedecId ?? DEFAULT_JEDEC_ID;
    this.uniqueId = options.uniqueId ?? EMULATED_ID;
    const power = this.jedecId & 0xff;
    this.bytes = Math.min(options.bytes ?? (power ? 2 ** power : array.length), array.length);
    for (let copy = this.bytes; copy < array.length; copy += this.bytes) array.copyWithin(copy, 0, this.bytes);
  }

  get busy(): boolean {
    return this.nowCycles() < this.busyUntilCycles;
  }

  /** Whether four-bit reads work: IO2 and IO3 carry data, not write protection and hold. */
  get quadEnabled(): boolean {
    return (this.status2 & QUAD_ENABLE) !== 0;
  }

  /** Chip select. What was received is carried out when it ends. */
  select(selected: boolean): void {
    if (selected === this.selected) return;
    this.selected = selected;
    if (!selected) this.carryOut();
    this.command = -1;
    this.count = 0;
    this.received.length = 0;
  }

  /** Eight clocks: takes a byte and gives one. */
  exchange(byte: number): number {
    if (!this.selected) return NOTHING_DRIVEN;
    if (this.continuousRead) {
      // eight clocks with all lines high are mode bits that end it
      if (byte === 0xff) this.continuousRead = false;
      return NOTHING_DRIVEN;
    }
    const at = this.count++;
    if (at === 0) {
      const { busy } = this;
      this.command = busy && byte !== READ_STATUS_1 && byte !== READ_STATUS_2 ? -1 : byte;
      return NOTHING_DRIVEN;
    }
    switch (this.command) {
      case READ_STATUS_1:
        return this.status1();
      case READ_STATUS_2:
        return this.status2;
      case READ_JEDEC_ID:
        return (this.jedecId >> (8 * (2 - ((at - 1) % 3)))) & 0xff;
      case READ_UNIQUE_ID:
        return at < 5 ? NOTHING_DRIVEN : this.uniqueId[(at - 5) % this.uniqueId.length]!;
      case READ_DATA:
        if (at > 3) return this.array[(this.address + at - 4) % this.bytes]!;
        break;
    }
    this.received.push(byte);
    return NOTHING_DRIVEN;
  }

  /** A whole Fast Read Quad I/O whose mode bits are `mode`; the data it would give are the array's. */
  quadRead(command: number, mode: number): void {
    const instruction = this.continuousRead ? FAST_READ_QUAD_IO : command;
    if (this.busy || instruction !== FAST_READ_QUAD_IO || !this.quadEnabled) return;
    this.continuousRead = (mode & MODE_MASK) === (CONTINUOUS_READ & MODE_MASK);
  }

  /** Sets bytes to ones: a sector, or half a block or a block. Returns the cycles it takes. */
  erase(offset: number, count: number): number {
    const begin = (offset % this.bytes) & ~(count - 1);
    for (let copy = begin; copy < this.array.length; copy += this.bytes) this.array.fill(0xff, copy, copy + count);
    this.changed(begin, count);
    return (ERASE_SECONDS.get(count) ?? 0) * CLOCK_HZ;
  }

  /** Clears bits of a page, as NOR does; what goes beyond its end begins it again. Returns the cycles it takes. */
  program(offset: number, data: ArrayLike<number>): number {
    const page = (offset % this.bytes) & ~(PAGE_BYTES - 1);
    for (let copy = page; copy < this.array.length; copy += this.bytes) {
      for (let i = 0; i < data.length; i++) this.array[copy + ((offset + i) % PAGE_BYTES)]! &= data[i]!;
    }
    this.changed(page, PAGE_BYTES);
    return PROGRAM_SECONDS * CLOCK_HZ;
  }

  private changed(offset: number, count: number): void {
    this.operations++;
    for (let copy = offset; copy < this.array.length; copy += this.bytes) this.onChange(copy, count);
  }

  private status1(): number {
    const { busy } = this;
    if (busy) this.onBusy();
    return (busy ? BUSY : 0) | (this.writeEnabled ? WRITE_ENABLED : 0);
  }

  private get address(): number {
    const [high = 0, middle = 0, low = 0] = this.received;
    return (high << 16) | (middle << 8) | low;
  }

  private carryOut(): void {
    const { command, received } = this;
    const erased = ERASED_BYTES.get(command);
    if (command === WRITE_ENABLE) this.writeEnabled = true;
    else if (command === WRITE_DISABLE) this.writeEnabled = false;
    else if (!this.writeEnabled) return;
    else if (erased !== undefined && received.length >= 3) this.work(this.erase(this.address, erased));
    else if (command === PAGE_PROGRAM && received.length > 3) this.work(this.program(this.address, received.slice(3)));
    else if (command === WRITE_STATUS || command === WRITE_STATUS_2) {
      const status2 = command === WRITE_STATUS_2 ? received[0] : received[1];
      if (status2 !== undefined) this.status2 = status2;
      this.work(WRITE_STATUS_SECONDS * CLOCK_HZ);
    }
  }

  private work(cycles: number): void {
    this.busyUntilCycles = this.nowCycles() + cycles;
    this.writeEnabled = false;
  }
}
