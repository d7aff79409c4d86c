/** A machine on a USB cable: what both ways of driving the emulator (turns, live) share. */

import { CdcHost } from './cdc-host.js';
import { CLOCK_HZ } from './emulated-clock.js';
import type { FlashChipOptions } from './flash-chip.js';
import { Machine } from './machine.js';
import type { DeviceEvent } from './messages.js';

export interface PicoOptions {
  readonly rom: Uint8Array;
  readonly flash: Uint8Array;
  /** The flash chip; left out: a W25Q16JV that says it is an emulated Pico's. */
  readonly flashChip?: FlashChipOptions | undefined;
  readonly onConsoleLine: (line: string) => void;
  /** A packet of the serial stream arrived at the host now. */
  readonly onPacket: (bytes: Uint8Array) => void;
  /** The device sleeps and USB is quiet. True: time stands still. */
  readonly onIdle: () => boolean;
  readonly libraryCore?: boolean;
}

/** A device that has not enumerated by then never will. */
const ENUMERATION_CYCLES = 10 * CLOCK_HZ;

export class Pico {
  readonly machine: Machine;
  cdc!: CdcHost;
  private startedCycles = 0;

  constructor(options: PicoOptions) {
    this.machine = new Machine({
      rom: options.rom,
      flash: options.flash,
      flashChip: options.flashChip,
      libraryCore: options.libraryCore ?? false,
      onConsoleLine: options.onConsoleLine,
      onSleep: () => this.cdc.configured && this.cdc.idle && options.onIdle(),
      onStart: (chip) => {
        this.startedCycles = chip.core.cycles;
        this.cdc = new CdcHost(chip, {
          // the run ends here, so that what follows sees the time of the event
          configured: () => this.machine.pause(),
          packet: (bytes) => {
            options.onPacket(bytes);
            this.machine.pause();
          },
        });
      },
    });
  }

  get cycles(): number {
    return this.machine.cycles;
  }

  /** Whether the firmware waits for bytes: it sleeps, and nothing is under way on USB. */
  get idle(): boolean {
    return this.cdc.configured && this.machine.asleep && this.cdc.idle;
  }

  /** Why the device is lost, if it is. */
  get lost(): (DeviceEvent & { type: 'lost' }) | undefined {
    const { halt } = this.machine;
    if (halt?.kind === 'bootsel') {
      return {
        type: 'lost',
        code: 'DEVICE_IN_BOOTSEL',
        message: `the emulated Pico left its firmware: ${halt.message}`,
        remedy: 'open the emulator again; flashing a UF2 needs no BOOTSEL here, pass it as the firmware',
      };
    }
    if (halt) {
      return {
        type: 'lost',
        code: 'FIRMWARE_FAULT',
        message: `the firmware crashed in the emulator: ${halt.message}, PC 0x${halt.pc.toString(16).padStart(8, '0')}`,
        remedy: 'find the line with `arm-none-eabi-addr2line -fe dist/firmware/priot.elf` and that PC',
      };
    }
    if (!this.cdc.configured && this.cycles - this.startedCycles > ENUMERATION_CYCLES) {
      return {
        type: 'lost',
        code: 'FIRMWARE_SILENT',
        message: 'the firmware did not appear on USB within 10 emulated seconds',
        remedy: 'check that the image is a build of priot for the Pico: `make firmware`',
      };
    }
    return undefined;
  }
}
