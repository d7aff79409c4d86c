import { RP2040 } from 'rp2040js';
import type { EmulatedClock } from './emulated-clock.js';
import type { FlashChip } from './flash-chip.js';
import { HardFault } from './hard-fault.js';
import { FLASH_START, type Memory } from './memory.js';
import { QuadSpi } from './quad-spi.js';
import { SecondCore, setPending } from './second-core.js';

export type Core = RP2040['core'];

/** Why the chip started, as the firmware sees it in the watchdog and in CHIP_RESET. */
export interface ResetState {
  /** WATCHDOG.REASON: 0 power on, 1 timer, 2 forced. */
  readonly watchdogReason: number;
  /** WATCHDOG.SCRATCH0..7, which survive a watchdog reset. */
  readonly scratch: Uint32Array;
}

interface Watchdog {
  reason: number;
  readonly scratchData: Uint32Array;
  readonly alarm: { enable: boolean };
  onWatchdogTrigger: () => void;
}

const WATCHDOG_PAGE = 0x40058;
const VREG_AND_CHIP_RESET_PAGE = 0x40064;
const XIP_CTRL_PAGE = 0x14000;
const XIP_SSI_PAGE = 0x18000;
const IO_QSPI_PAGE = 0x40018;
const CHIP_RESET = 0x8;
const HAD_POWER_ON = 1 << 8;
const XIP_END = 0x14000000;
/** The chip is at 27 degrees: 0.706 V of 3.3 (RP2040 datasheet 4.9). */
const TEMPERATURE_INPUT = 4;
const TEMPERATURE_AT_27 = Math.round((0.706 / 3.3) * 4096);
/** PADS_QSPI after a reset, SCLK, SS, SD0 to SD3 (RP2040 datasheet 2.19): the library's inputs are switched off. */
const QSPI_PADS = [0x56, 0x5a, 0x52, 0x52, 0x52, 0x52];

/** VREG_AND_CHIP_RESET, as far as firmware asks it why it started. The library has none. */
const chipReset = {
  readUint32: (offset: number) => (offset === CHIP_RESET ? HAD_POWER_ON : 0),
  writeUint32: () => {},
  writeUint32Atomic: () => {},
};

/** The library reports bad accesses only to its logger; peripherals without a model report there too, and may. */
const faultingLogger = {
  debug: () => {},
  info: () => {},
  warn: (component: string, message: string) => {
    if (component === 'RP2040' || component === 'CortexM0Core') throw new HardFault(message);
  },
  error: (_component: string, message: string) => {
    throw new HardFault(message);
  },
};

/**
 * The library's RP2040 with the memories of a Pico, bus faults, and a WFI that obeys PRIMASK (the library's enters the
 * interrupt even when PRIMASK is set; here it only wakes).
 */
export class Chip extends RP2040 {
  /** A watchdog reset was asked for; the machine carries it out between two instructions. */
  resetRequested = false;
  readonly second: SecondCore;
  private readonly watchdog: Watchdog;
  private readonly quadSpi: QuadSpi | undefined;

  /**
   * Makes a chip.
   * @param flashChip left out: flash can be read at any time, and nothing changes it
   */
  constructor(memory: Memory, clock: EmulatedClock | RP2040['clock'], flashChip?: FlashChip, reset?: ResetState) {
    super(clock);
    const fields = this as { -readonly [K in keyof RP2040]: RP2040[K] };
    fields.logger = faultingLogger;
    fields.flash = memory.flash;
    fields.flash16 = new Uint16Array(memory.buffer, memory.flash.byteOffset, memory.flash.length / 2);
    fields.flashView = new DataView(memory.buffer, memory.flash.byteOffset, memory.flash.length);
    fields.sram = memory.sram;
    fields.sramView = new DataView(memory.buffer, memory.sram.byteOffset, memory.sram.length);
    fields.bootrom = new Uint32Array(memory.buffer, memory.rom.byteOffset, memory.rom.length / 4);
    this.peripherals[VREG_AND_CHIP_RESET_PAGE] = chipReset;
    this.quadSpi = flashChip && this.connect(flashChip);
    this.watchdog = this.peripherals[WATCHDOG_PAGE] as unknown as Watchdog;
    this.watchdog.onWatchdogTrigger = () => {
      this.resetRequested = true;
      // the library's goes off again, and again at once
      this.watchdog.alarm.enable = false;
    };
    if (reset) {
      this.watchdog.reason = reset.watchdogReason;
      this.watchdog.scratchData.set(reset.scratch);
    }
    this.adc.channelValues[TEMPERATURE_INPUT] = TEMPERATURE_AT_27;
    this.core.reset();
    this.second = new SecondCore(this);
  }

  private connect(flashChip: FlashChip): QuadSpi {
    const quadSpi = new QuadSpi(this, flashChip);
    this.peripherals[XIP_SSI_PAGE] = quadSpi.ssi;
    this.peripherals[IO_QSPI_PAGE] = quadSpi.pins;
    this.peripherals[XIP_CTRL_PAGE] = quadSpi.cache;
    for (const [pin, value] of QSPI_PADS.entries()) this.qspi[pin]!.padValue = value;
    // the BOOTSEL button is not pressed: the chip's select line is pulled up
    this.qspi[1]!.setInputValue(true);
    return quadSpi;
  }

  /** Whether all of flash can be read just now; else each read has to be looked at. */
  get flashReadable(): boolean {
    return this.quadSpi?.readable ?? true;
  }

  /** Flash was erased or programmed behind the cache's back. */
  flashChanged(offset: number, count: number): void {
    this.quadSpi?.changed(offset, count);
  }

  /** What the next chip starts from when this one is reset by its watchdog. */
  resetState(): ResetState {
    return { watchdogReason: this.watchdog.reason, scratch: this.watchdog.scratchData.slice() };
  }

  override setInterrupt(irq: number, value: boolean): void {
    setPending(this.core, irq, value);
    this.second?.setInterrupt(irq, value);
  }

  private checkRead(address: number): void {
    const unsigned = address >>> 0;
    if (unsigned >= FLASH_START && unsigned < XIP_END) this.quadSpi?.check(unsigned);
  }

  override readUint32(address: number): number {
    this.checkRead(address);
    return super.readUint32(address);
  }

  override readUint16(address: number): number {
    this.checkRead(address);
    return super.readUint16(address);
  }

  override readUint8(address: number): number {
    this.checkRead(address);
    return super.readUint8(address);
  }

  override writeUint32(address: number, value: number): void {
    const unsigned = address >>> 0;
    if (unsigned >= FLASH_START && unsigned < XIP_END) {
      throw new HardFault(`store to flash at 0x${unsigned.toString(16)}`);
    }
    super.writeUint32(address, value);
  }
}

/**
 * Tells whether an exception is pending that ends WFI: enabled and above the running priority; PRIMASK does not count.
 */
export function wakes(core: Core): boolean {
  if (core.pendingNMI) return true;
  const enabled = core.pendingInterrupts & core.enabledInterrupts;
  const running = core.exceptionPriority(core.IPSR);
  for (let priority = 0; priority < running; priority++) {
    if (
      enabled & (core.interruptPriorities[priority] ?? 0) ||
      (core.pendingSystick && core.systickPriority === priority) ||
      (core.pendingPendSV && core.pendSVPriority === priority) ||
      (core.pendingSVCall && core.svCallPriority === priority)
    ) {
      return true;
    }
  }
  return false;
}
