/**
 * The way from the RP2040 to its flash chip: the serial interface (SSI), the chip select pin, and the cache in front of
 * them, as far as firmware and boot ROM drive them. Code and data in flash can be read only while the interface is set
 * up for execute-in-place, and not where the cache may hold what was erased or programmed since: whatever else reads
 * there is a fault here.
 *
 * Registers: RP2040 datasheet, 2.6 "Memory" (XIP_CTRL), 2.19 "GPIO" (IO_QSPI), 4.10 "SSI".
 */

import type { Peripheral, RP2040 } from 'rp2040js';
import type { FlashChip } from './flash-chip.js';
import { HardFault } from './hard-fault.js';

const SSI_CTRLR0 = 0x00;
const SSI_SSIENR = 0x08;
const SSI_RXFLR = 0x24;
const SSI_SR = 0x28;
const SSI_IDR = 0x58;
const SSI_VERSION = 0x5c;
const SSI_DR0 = 0x60;
const SSI_DR35 = 0xec;
const SSI_SPI_CTRLR0 = 0xf4;

const SR_TX_NOT_FULL = 1 << 1;
const SR_TX_EMPTY = 1 << 2;
const SR_RX_NOT_EMPTY = 1 << 3;
const FIFO_WORDS = 16;
const FORMAT_QUAD = 2;
const TRANSFER_EEPROM_READ = 3;
const FRAME_32_BITS = 31;
const INSTRUCTION_NONE = 0;
const INSTRUCTION_8_BITS = 2;
const READ_DATA = 0x03;

/** GPIO_QSPI_SS_CTRL of IO_QSPI, and its field OUTOVER. */
const SELECT_CONTROL = 0x0c;
const FORCED_LOW = 2;
const FORCED_HIGH = 3;

const XIP_CTRL = 0x00;
const XIP_FLUSH = 0x04;
const XIP_STAT = 0x08;
const XIP_CTRL_RESET = 3;
const XIP_READY_AND_EMPTY = 3;

const PADS_QSPI_SD0 = 0x40020008;
const PAD_OUTPUT_DISABLED = 1 << 7;

const XIP_PAGE_SHIFT = 8;
/** The bit of an address in flash that is set in its views 2 and 3, which bypass the cache. */
const UNCACHED_VIEW = 1 << 25;
const OFFSET_MASK = 0xffffff;

/** Registers that hold what is written to them, with the three atomic views; `written` is told of changes. */
class Registers implements Peripheral {
  protected readonly values = new Uint32Array(64);
  constructor(private readonly written: (offset: number) => void = () => {}) {}
  get(offset: number): number {
    return this.values[offset >> 2]!;
  }
  set(offset: number, value: number): void {
    this.values[offset >> 2] = value;
  }
  readUint32(offset: number): number {
    return this.get(offset & 0xff);
  }
  writeUint32(offset: number, value: number): void {
    this.set(offset & 0xff, value);
    this.written(offset & 0xff);
  }
  writeUint32Atomic(offset: number, value: number, kind: number): void {
    const old = kind === 0 ? 0 : this.readUint32(offset);
    const values = [value, old ^ value, old | value, old & ~value];
    this.writeUint32(offset, values[kind]! >>> 0);
  }
}

/** The serial interface: a transfer is over as soon as it is begun. */
class SerialInterface extends Registers {
  /** Whether the interface itself holds the chip selected: from the first word until somebody looks at its status. */
  private inTransfer = false;
  private readonly receivedWords: number[] = [];
  /** Words of a four-bit transfer so far. */
  private quadWords: number[] = [];
  /** OUTOVER of the select pin. */
  selectOverride = 0;

  constructor(
    private readonly chip: FlashChip,
    private readonly outputsDisabled: () => boolean,
    private readonly changed: () => void,
  ) {
    super();
  }

  private get format(): number {
    return (this.get(SSI_CTRLR0) >> 21) & 3;
  }

  /** Whether reads of the flash window become reads of the chip, and the chip understands them. */
  get executesInPlace(): boolean {
    const control = this.get(SSI_CTRLR0);
    const spi = this.get(SSI_SPI_CTRLR0);
    const instruction = (spi >> 8) & 3;
    if (!this.get(SSI_SSIENR) || this.selectOverride !== 0) return false;
    if (((control >> 8) & 3) !== TRANSFER_EEPROM_READ || ((control >> 16) & 31) !== FRAME_32_BITS) return false;
    if (this.format === FORMAT_QUAD) return instruction === INSTRUCTION_NONE && this.chip.continuousRead;
    return instruction === INSTRUCTION_8_BITS && spi >>> 24 === READ_DATA && !this.chip.continuousRead;
  }

  override readUint32(offset: number): number {
    switch (offset) {
      case SSI_SR:
        this.endTransfer();
        return SR_TX_NOT_FULL | SR_TX_EMPTY | (this.receivedWords.length > 0 ? SR_RX_NOT_EMPTY : 0);
      case SSI_RXFLR:
        return this.receivedWords.length;
      case SSI_IDR:
        return 0x51535049;
      case SSI_VERSION:
        return 0x3430312a;
      default:
        if (offset >= SSI_DR0 && offset <= SSI_DR35) return this.receivedWords.shift() ?? 0;
        return super.readUint32(offset);
    }
  }

  override writeUint32(offset: number, value: number): void {
    if (offset >= SSI_DR0 && offset <= SSI_DR35) {
      this.send(value);
      return;
    }
    if (offset === SSI_SSIENR) {
      this.endTransfer();
      this.receivedWords.length = 0;
    }
    super.writeUint32(offset, offset === SSI_SSIENR ? value & 1 : value);
    this.changed();
  }

  setOverride(override: number): void {
    this.selectOverride = override;
    if (override === FORCED_LOW) this.chip.select(true);
    else if (override === FORCED_HIGH || !this.inTransfer) this.chip.select(false);
    this.changed();
  }

  private send(value: number): void {
    if (!this.get(SSI_SSIENR)) return;
    if (this.format === FORMAT_QUAD) {
      this.sendQuad(value);
      return;
    }
    if (this.selectOverride === 0) {
      this.inTransfer = true;
      this.chip.select(true);
    }
    // lines that nobody drives are pulled up
    const received = this.chip.exchange(this.outputsDisabled() ? 0xff : value & 0xff);
    if (this.receivedWords.length < FIFO_WORDS) this.receivedWords.push(received);
  }

  /** Instruction, then address and mode bits: what boot2 sends once, for the sake of the mode bits. */
  private sendQuad(value: number): void {
    const hasInstruction = ((this.get(SSI_SPI_CTRLR0) >> 8) & 3) === INSTRUCTION_8_BITS;
    this.quadWords.push(value);
    if (this.quadWords.length < (hasInstruction ? 2 : 1)) return;
    this.chip.quadRead(hasInstruction ? this.quadWords[0]! : -1, this.quadWords.at(-1)! & 0xff);
    this.quadWords = [];
    this.receivedWords.push(0);
    this.changed();
  }

  private endTransfer(): void {
    if (!this.inTransfer) return;
    this.inTransfer = false;
    if (this.selectOverride === 0) this.chip.select(false);
  }
}

export class QuadSpi {
  readonly ssi: Peripheral;
  readonly pins: Peripheral;
  readonly cache: Peripheral;
  private readonly serial: SerialInterface;
  private open = false;
  /** Pages that were erased or programmed since the cache was flushed. */
  private readonly stale = new Set<number>();

  constructor(
    rp2040: RP2040,
    private readonly chip: FlashChip,
  ) {
    const outputsDisabled = () => (rp2040.readUint32(PADS_QSPI_SD0) & PAD_OUTPUT_DISABLED) !== 0;
    this.serial = new SerialInterface(chip, outputsDisabled, () => this.update());
    this.ssi = this.serial;
    const pins = new Registers((offset) => {
      if (offset === SELECT_CONTROL) this.serial.setOverride((pins.get(SELECT_CONTROL) >> 8) & 3);
    });
    this.pins = pins;
    const cache = new Registers((offset) => {
      if (offset !== XIP_FLUSH) return;
      this.stale.clear();
      cache.set(XIP_FLUSH, 0);
      this.update();
    });
    cache.set(XIP_CTRL, XIP_CTRL_RESET);
    cache.set(XIP_STAT, XIP_READY_AND_EMPTY);
    this.cache = cache;
  }

  /** Whether everything in flash can be read just now, without a look at each address. */
  get readable(): boolean {
    return this.open || this.update();
  }

  /** Flash was erased or programmed: what the cache holds of it is not what is there. */
  changed(offset: number, count: number): void {
    for (let at = offset; at < offset + count; at += 1 << XIP_PAGE_SHIFT) this.stale.add(at >> XIP_PAGE_SHIFT);
    this.update();
  }

  /**
   * Checks a read of flash.
   * @throws HardFault where a read of this address in flash gives nothing, or what is no longer true
   */
  check(address: number): void {
    if (this.readable) return;
    const where = `0x${(address >>> 0).toString(16)}`;
    if (!this.serial.executesInPlace) throw new HardFault(`flash read at ${where} while execute-in-place is off`);
    if (this.chip.busy) throw new HardFault(`flash read at ${where} while the chip is busy`);
    if (!(address & UNCACHED_VIEW) && this.stale.has((address & OFFSET_MASK) >> XIP_PAGE_SHIFT)) {
      throw new HardFault(`flash read at ${where} through a cache that was not flushed`);
    }
  }

  private update(): boolean {
    this.open = this.stale.size === 0 && this.serial.executesInPlace && !this.chip.busy;
    return this.open;
  }
}
