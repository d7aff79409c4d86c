/**
 * The wire between the RP2040's USB device controller and a host: one transaction at a time, each as long as at full
 * speed (19 bulk packets of 64 bytes in a frame of 1 ms: 52.6 us each), a start of frame every millisecond, DATA0 and
 * DATA1 in turn. Replaces the library's handling of armed buffers, which tells the device at once that an IN packet is
 * gone, and paces nothing.
 *
 * Registers: RP2040 datasheet 4.1.2.5 and 4.1.4.
 */

import type { Chip } from './chip.js';
import { CLOCK_HZ } from './emulated-clock.js';

export interface UsbHost {
  /** The device has switched its pull-up on. */
  attached(): void;
  /** The bus reset is over. */
  resetDone(): void;
  /** A packet from the device, complete on the bus now. */
  received(endpoint: number, packet: Uint8Array): void;
  /** Whether the host asks for a packet of this IN endpoint now; else the packet waits in the device. */
  takes(endpoint: number): boolean;
  /** The device can take up to `maxBytes` on this OUT endpoint: the packet to send, or undefined to leave it waiting. */
  nextPacket(endpoint: number, maxBytes: number): Uint8Array | undefined;
  /** The packet that `nextPacket` gave is with the device now. */
  sent(endpoint: number): void;
}

/** What the library's controller keeps private but its type does not promise. */
interface Controller {
  DPRAMUpdated(offset: number, value: number): void;
  indicateBufferReady(endpoint: number, out: boolean): void;
  readUint32(offset: number): number;
  writeUint32(offset: number, value: number): void;
  checkInterrupts(): void;
  sieStatusUpdated(): void;
  readonly rawWriteValue: number;
  sieStatus: number;
  intRaw: number;
  sofFrameNumber: number;
}

const MICROSECOND_CYCLES = CLOCK_HZ / 1e6;
/** Token, handshake, turnarounds and a host's gaps of one transaction. */
const OVERHEAD_CYCLES = 10 * MICROSECOND_CYCLES;
/** Cycles per byte, so that 64 bytes take a nineteenth of a frame. */
const BYTE_CYCLES = ((1000 / 19 - 10) / 64) * MICROSECOND_CYCLES;

const FRAME_NANOS = 1e6;
/** A bus that has been silent for so long is suspended: USB 2.0, 7.1.7.6. */
const SUSPEND_NANOS = 3e6;

const SOF_READ = 0x48;
const SIE_STATUS = 0x50;
const SIE_STATUS_SUSPENDED = 1 << 4;
const SIE_STATUS_RESUME = 1 << 11;
const INTERRUPT_SOF = 1 << 17;
const FRAME_NUMBER_MASK = 0x7ff;

const EP1_IN_CONTROL = 0x8;
const EP0_IN_BUFFER_CONTROL = 0x80;
const EP0_BUFFER = 0x100;
const BUFFER_CONTROLS_END = 0x100;
const DOUBLE_BUFFERED = 1 << 30;
const LENGTH_MASK = 0x3ff;
const AVAILABLE = 1 << 10;
const DATA1 = 1 << 13;
const FULL = 1 << 15;
const BUFFER_1_SHIFT = 16;
const BUFFER_1_OFFSET = 64;

interface Buffer {
  readonly endpoint: number;
  readonly out: boolean;
  /** 0 or 1, of a double buffer. */
  readonly index: number;
  /** Whether the device hears of it when this one is done; it does so after the second of two. */
  readonly last: boolean;
}

/** Cycles that a transaction with so many bytes of data takes on the bus. */
export function transactionCycles(bytes: number): number {
  return Math.ceil(OVERHEAD_CYCLES + bytes * BYTE_CYCLES);
}

function toggleOf(endpoint: number, out: boolean): string {
  return `${endpoint}${out ? 'o' : 'i'}`;
}

function nanosOf(bytes: number): number {
  return (transactionCycles(bytes) * 1e9) / CLOCK_HZ;
}

export class UsbBus {
  /** Armed by the device, in order; an OUT buffer waits here until the host has a packet for it. */
  private readonly armed: Buffer[] = [];
  private active: { buffer: Buffer; packet: Uint8Array } | undefined;
  private readonly done: { schedule(nanos: number): void };
  private setupPacket: Uint8Array | undefined;
  private readonly setupDone: { schedule(nanos: number): void };
  private readonly controller: Controller;
  private readonly frame: { schedule(nanos: number): void; cancel(): void };
  private readonly silence: { schedule(nanos: number): void; cancel(): void };
  private suspended = false;
  /** The host's side of DATA0 and DATA1, by endpoint and direction: true when DATA1 is next. */
  private readonly nextIsData1 = new Map<string, boolean>();

  constructor(
    private readonly chip: Chip,
    private readonly host: UsbHost,
  ) {
    const usb = chip.usbCtrl;
    this.controller = usb as unknown as Controller;
    this.done = chip.clock.createAlarm(() => this.complete());
    this.setupDone = chip.clock.createAlarm(() => {
      if (this.setupPacket) usb.sendSetupPacket(this.setupPacket);
      this.setupPacket = undefined;
    });
    this.frame = chip.clock.createAlarm(() => this.startOfFrame());
    this.silence = chip.clock.createAlarm(() => this.setStatus(SIE_STATUS_SUSPENDED));
    this.controller.DPRAMUpdated = (offset, value) => this.dpramWritten(offset, value);
    this.completeRegisters();
    usb.onUSBEnabled = () => {
      host.attached();
      usb.resetDevice();
    };
    usb.onResetReceived = () => {
      this.quiet();
      this.resetToggles();
      this.frame.schedule(FRAME_NANOS);
      host.resetDone();
    };
  }

  /** The host drives a reset, of 10 ms; a transaction that is on the wire is lost. */
  reset(): void {
    this.quiet();
    this.frame.cancel();
    this.suspended = false;
    this.chip.usbCtrl.resetDevice();
  }

  /** The host stops talking altogether, and lets the device find out. */
  suspend(): void {
    this.suspended = true;
    this.frame.cancel();
    this.silence.schedule(SUSPEND_NANOS);
  }

  /** The host talks again. */
  resume(): void {
    this.suspended = false;
    this.silence.cancel();
    this.setStatus(SIE_STATUS_RESUME);
    this.frame.schedule(FRAME_NANOS);
    this.pump();
  }

  /** The host begins with DATA0 again: on one endpoint, whose halt it has cleared, or on all. */
  resetToggles(endpoint?: number, out?: boolean): void {
    if (endpoint === undefined) this.nextIsData1.clear();
    else this.nextIsData1.delete(toggleOf(endpoint, out === true));
  }

  private quiet(): void {
    this.armed.length = 0;
    this.active = undefined;
    this.setupPacket = undefined;
  }

  private setStatus(bit: number): void {
    this.controller.sieStatus |= bit;
    this.controller.sieStatusUpdated();
  }

  private startOfFrame(): void {
    const { controller } = this;
    controller.sofFrameNumber = (controller.sofFrameNumber + 1) & FRAME_NUMBER_MASK;
    controller.intRaw |= INTERRUPT_SOF;
    controller.checkInterrupts();
    this.frame.schedule(FRAME_NANOS);
  }

  /** What the library's registers lack: reading SOF_RD ends its interrupt, and writing SUSPENDED ends that. */
  private completeRegisters(): void {
    const { controller } = this;
    const read = controller.readUint32.bind(controller);
    const write = controller.writeUint32.bind(controller);
    controller.readUint32 = (offset) => {
      if (offset === SOF_READ && controller.intRaw & INTERRUPT_SOF) {
        controller.intRaw &= ~INTERRUPT_SOF;
        controller.checkInterrupts();
      }
      return read(offset);
    };
    controller.writeUint32 = (offset, value) => {
      if (offset === SIE_STATUS) controller.sieStatus &= ~(controller.rawWriteValue & SIE_STATUS_SUSPENDED);
      write(offset, value);
    };
  }

  /** Whether a transaction is on the wire, or a packet of the device waits for its turn. */
  get busy(): boolean {
    return this.active !== undefined || this.setupPacket !== undefined || this.armed.some((buffer) => !buffer.out);
  }

  /** A SETUP packet to endpoint 0. */
  setup(packet: Uint8Array): void {
    this.setupPacket = packet;
    this.setupDone.schedule(nanosOf(packet.length));
  }

  /** Starts the next transaction when the bus is free; to be called when the host has got something to send. */
  pump(): void {
    if (this.active || this.suspended) return;
    for (let i = 0; i < this.armed.length; i++) {
      const buffer = this.armed[i]!;
      const packet = buffer.out
        ? this.host.nextPacket(buffer.endpoint, this.control(buffer) & LENGTH_MASK)
        : this.host.takes(buffer.endpoint)
          ? this.contents(buffer)
          : undefined;
      if (!packet) continue;
      this.armed.splice(i, 1);
      this.active = { buffer, packet };
      this.done.schedule(nanosOf(packet.length));
      return;
    }
  }

  private dpramWritten(offset: number, value: number): void {
    if (offset < EP0_IN_BUFFER_CONTROL || offset >= BUFFER_CONTROLS_END) return;
    const endpoint = (offset - EP0_IN_BUFFER_CONTROL) >> 3;
    const out = (offset & 4) !== 0;
    for (let i = this.armed.length - 1; i >= 0; i--) {
      // written again before the host took it: what counts is the new contents
      if (this.armed[i]!.endpoint === endpoint && this.armed[i]!.out === out) this.armed.splice(i, 1);
    }
    const first = (value & AVAILABLE) !== 0;
    const second = this.doubleBuffered(endpoint, out) && (value & (AVAILABLE << BUFFER_1_SHIFT)) !== 0;
    if (first) this.armed.push({ endpoint, out, index: 0, last: !second });
    if (second) this.armed.push({ endpoint, out, index: 1, last: true });
    if (first || second) this.pump();
  }

  private complete(): void {
    if (!this.active) return;
    const { buffer, packet } = this.active;
    this.active = undefined;
    const inTurn = this.inTurn(buffer);
    if (buffer.out && !inTurn) {
      // the controller takes it for a repetition: acknowledged, and not handed over
      this.armed.unshift(buffer);
      this.host.sent(buffer.endpoint);
      this.pump();
      return;
    }
    const shift = buffer.index * BUFFER_1_SHIFT;
    const view = this.chip.usbDPRAMView;
    const at = this.controlOffset(buffer);
    let control = view.getUint32(at, true) & ~(AVAILABLE << shift);
    if (buffer.out) {
      this.chip.usbDPRAM.set(packet, this.dataOffset(buffer));
      control = (control & ~(LENGTH_MASK << shift)) | ((FULL | packet.length) << shift);
    } else control &= ~(FULL << shift);
    view.setUint32(at, control, true);
    if (buffer.last) this.controller.indicateBufferReady(buffer.endpoint, buffer.out);
    if (buffer.out) this.host.sent(buffer.endpoint);
    else if (inTurn) this.host.received(buffer.endpoint, packet);
    this.pump();
  }

  /** Whether host and device agree on DATA0 or DATA1; a control transfer begins anew with each SETUP. */
  private inTurn(buffer: Buffer): boolean {
    if (buffer.endpoint === 0) return true;
    const key = toggleOf(buffer.endpoint, buffer.out);
    const host = this.nextIsData1.get(key) ?? false;
    const device = (this.control(buffer) & DATA1) !== 0;
    // the host goes on after each packet it has sent; of one that it did not expect it keeps its place
    if (buffer.out || host === device) this.nextIsData1.set(key, !host);
    return host === device;
  }

  private contents(buffer: Buffer): Uint8Array {
    const start = this.dataOffset(buffer);
    return this.chip.usbDPRAM.slice(start, start + (this.control(buffer) & LENGTH_MASK));
  }

  private control(buffer: Buffer): number {
    const both = this.chip.usbDPRAMView.getUint32(this.controlOffset(buffer), true);
    return both >>> (buffer.index * BUFFER_1_SHIFT);
  }

  private controlOffset(buffer: Buffer): number {
    return EP0_IN_BUFFER_CONTROL + buffer.endpoint * 8 + (buffer.out ? 4 : 0);
  }

  private endpointControl(endpoint: number, out: boolean): number {
    return this.chip.usbDPRAMView.getUint32(EP1_IN_CONTROL + (endpoint - 1) * 8 + (out ? 4 : 0), true);
  }

  private doubleBuffered(endpoint: number, out: boolean): boolean {
    return endpoint !== 0 && (this.endpointControl(endpoint, out) & DOUBLE_BUFFERED) !== 0;
  }

  private dataOffset(buffer: Buffer): number {
    if (buffer.endpoint === 0) return EP0_BUFFER;
    return (this.endpointControl(buffer.endpoint, buffer.out) & 0xffc0) + buffer.index * BUFFER_1_OFFSET;
  }
}
