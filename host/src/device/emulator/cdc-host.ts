/**
 * The computer's side of USB: enumerates the device, sets DTR, then moves bytes over the first CDC data interface.
 * It never drops, never sends an empty packet to poll, and its queue has no bound: what is not sent yet waits while the
 * device's OUT endpoint stays unanswered (NAK).
 */

import { createSetupPacket, DataDirection, DescriptorType, SetupRecipient, SetupRequest, SetupType } from 'rp2040js';
import type { Chip } from './chip.js';
import { UsbBus, type UsbHost } from './usb-bus.js';

const CDC_SET_LINE_CODING = 0x20;
const CDC_SET_CONTROL_LINE_STATE = 0x22;
const FEATURE_ENDPOINT_HALT = 0;
const CDC_DATA_CLASS = 10;
const DTR_AND_RTS = 3;
const DESCRIPTOR_INTERFACE = 4;
const DESCRIPTOR_ENDPOINT = 5;
const CONFIGURATION_DESCRIPTOR_BYTES = 9;
const ENDPOINT_0_BYTES = 64;
const DEVICE_ADDRESS = 1;
const EMPTY = new Uint8Array(0);

interface Request {
  readonly direction: DataDirection;
  readonly type: SetupType;
  readonly recipient: SetupRecipient;
  readonly request: number;
  readonly value: number;
  readonly index: number;
  /** Bytes the device may answer with, or is sent. */
  readonly length: number;
  /** What is sent with it. */
  readonly data?: Uint8Array;
}

/** The control transfer that is under way. */
interface Transfer {
  readonly request: Request;
  readonly answer: number[];
  /** The data stage of an answer is over; the host owes the empty packet that ends the transfer. */
  status: boolean;
  /** The data stage of what is sent is over. */
  dataSent: boolean;
  readonly finished: (answer: Uint8Array) => void;
}

export interface CdcHostEvents {
  /** DTR is set: the device is ready for bytes. */
  configured(): void;
  /** A packet of the serial stream, complete on the bus now. */
  packet(bytes: Uint8Array): void;
}

export class CdcHost implements UsbHost {
  configured = false;
  private reads = true;
  private readonly bus: UsbBus;
  /** Control transfers that wait for the one under way. */
  private readonly waiting: (() => void)[] = [];
  private controlInterface = 0;
  private transfer: Transfer | undefined;
  private inEndpoint = -1;
  private outEndpoint = -1;
  private readonly queue: Uint8Array[] = [];

  constructor(
    chip: Chip,
    private readonly events: CdcHostEvents,
  ) {
    this.bus = new UsbBus(chip, this);
  }

  /** Whether nothing is under way or waiting in either direction. */
  get idle(): boolean {
    return !this.transfer && this.queue.length === 0 && !this.bus.busy;
  }

  /** Queues bytes of the serial stream; a device that is not enumerated gets none. */
  send(bytes: Uint8Array): void {
    if (bytes.length === 0 || !this.configured) return;
    this.queue.push(bytes);
    this.bus.pump();
  }

  /** Whether the host reads what the device sends; what it does not read waits in the device. */
  set reading(reads: boolean) {
    this.reads = reads;
    this.bus.pump();
  }

  /** Resets the bus and enumerates the device again; what was under way is lost. */
  reset(): void {
    this.attached();
    this.bus.reset();
  }

  /** Stops the bus, as a host does that goes to sleep. */
  suspend(): void {
    this.bus.suspend();
  }

  resume(): void {
    this.bus.resume();
  }

  /** What opening and closing a port does. */
  setDtr(on: boolean): void {
    this.control({ ...this.classRequest(CDC_SET_CONTROL_LINE_STATE), value: on ? DTR_AND_RTS : 0 });
  }

  /** Sets the speed of a port, 8N1. */
  setLineCoding(bitsPerSecond: number): void {
    const data = new Uint8Array(7);
    new DataView(data.buffer).setUint32(0, bitsPerSecond, true);
    data[6] = 8;
    this.control({ ...this.classRequest(CDC_SET_LINE_CODING), length: data.length, data });
  }

  /** Selects a configuration, 0 for none; the host's side begins with DATA0 again. */
  setConfiguration(value: number): void {
    this.standard(SetupRequest.SetDeviceConfiguration, value, 0, () => this.bus.resetToggles());
  }

  /** Clears the halt of a data endpoint, halted or not, as some hosts do with every port they open. */
  clearHalt(out: boolean): void {
    const endpoint = out ? this.outEndpoint : this.inEndpoint;
    const request: Request = {
      direction: DataDirection.HostToDevice,
      type: SetupType.Standard,
      recipient: SetupRecipient.Endpoint,
      request: SetupRequest.ClearFeature,
      value: FEATURE_ENDPOINT_HALT,
      index: endpoint | (out ? 0 : 0x80),
      length: 0,
    };
    this.control(request, () => this.bus.resetToggles(endpoint, out));
  }

  attached(): void {
    this.configured = false;
    this.queue.length = 0;
    this.transfer = undefined;
    this.waiting.length = 0;
  }

  takes(endpoint: number): boolean {
    return this.reads || endpoint === 0;
  }

  resetDone(): void {
    this.inEndpoint = -1;
    this.outEndpoint = -1;
    this.standard(SetupRequest.SetAddress, DEVICE_ADDRESS, 0, () => this.readConfiguration());
  }

  received(endpoint: number, packet: Uint8Array): void {
    if (endpoint === this.inEndpoint) {
      if (packet.length > 0) this.events.packet(packet);
    } else if (endpoint === 0 && this.transfer) {
      const { transfer } = this;
      transfer.answer.push(...packet);
      if (transfer.request.direction === DataDirection.HostToDevice) this.finish(transfer);
      else if (packet.length < ENDPOINT_0_BYTES || transfer.answer.length >= transfer.request.length) {
        transfer.status = true;
        this.bus.pump();
      }
    }
  }

  nextPacket(endpoint: number, maxBytes: number): Uint8Array | undefined {
    if (endpoint === 0) {
      const { transfer } = this;
      if (transfer?.request.data && !transfer.dataSent) return transfer.request.data;
      return transfer?.status ? EMPTY : undefined;
    }
    return endpoint === this.outEndpoint && this.configured ? this.take(maxBytes) : undefined;
  }

  sent(endpoint: number): void {
    const { transfer } = this;
    if (endpoint !== 0 || !transfer) return;
    if (transfer.request.data && !transfer.dataSent) transfer.dataSent = true;
    else if (transfer.status) this.finish(transfer);
  }

  /** Up to `maxBytes` from the queue, in order; undefined when it is empty. */
  private take(maxBytes: number): Uint8Array | undefined {
    const packet = new Uint8Array(maxBytes);
    let length = 0;
    while (length < maxBytes && this.queue.length > 0) {
      const head = this.queue[0]!;
      const count = Math.min(maxBytes - length, head.length);
      packet.set(head.subarray(0, count), length);
      length += count;
      if (count === head.length) this.queue.shift();
      else this.queue[0] = head.subarray(count);
    }
    return length > 0 ? packet.subarray(0, length) : undefined;
  }

  private readConfiguration(): void {
    const value = DescriptorType.Configration << 8;
    this.standard(SetupRequest.GetDescriptor, value, CONFIGURATION_DESCRIPTOR_BYTES, (header) => {
      const total = (header[2] ?? 0) | ((header[3] ?? 0) << 8);
      this.standard(SetupRequest.GetDescriptor, value, total, (descriptors) => this.configure(descriptors));
    });
  }

  private configure(descriptors: Uint8Array): void {
    let inData = false;
    for (let at = 0; at + 2 <= descriptors.length && descriptors[at]! >= 2; at += descriptors[at]!) {
      const type = descriptors[at + 1];
      if (type === DESCRIPTOR_INTERFACE) {
        inData = descriptors[at + 5] === CDC_DATA_CLASS && this.inEndpoint < 0;
        if (inData) this.controlInterface = Math.max(0, descriptors[at + 2]! - 1);
      } else if (type === DESCRIPTOR_ENDPOINT && inData) {
        const address = descriptors[at + 2]!;
        if (address & 0x80) this.inEndpoint = address & 15;
        else this.outEndpoint = address & 15;
        inData = this.inEndpoint < 0 || this.outEndpoint < 0;
      }
    }
    this.standard(SetupRequest.SetDeviceConfiguration, 1, 0, () => {
      this.control({ ...this.classRequest(CDC_SET_CONTROL_LINE_STATE), value: DTR_AND_RTS }, () => {
        this.configured = true;
        this.events.configured();
      });
    });
  }

  private classRequest(request: number): Request {
    return {
      direction: DataDirection.HostToDevice,
      type: SetupType.Class,
      recipient: SetupRecipient.Interface,
      request,
      value: 0,
      index: this.controlInterface,
      length: 0,
    };
  }

  private standard(request: number, value: number, length: number, finished: (answer: Uint8Array) => void): void {
    const direction = length > 0 ? DataDirection.DeviceToHost : DataDirection.HostToDevice;
    const { Standard } = SetupType;
    this.control(
      { direction, type: Standard, recipient: SetupRecipient.Device, request, value, index: 0, length },
      finished,
    );
  }

  private control(request: Request, finished: (answer: Uint8Array) => void = () => {}): void {
    if (this.transfer) {
      this.waiting.push(() => this.control(request, finished));
      return;
    }
    this.transfer = { request, answer: [], status: false, dataSent: false, finished };
    this.bus.setup(
      createSetupPacket({
        dataDirection: request.direction,
        type: request.type,
        recipient: request.recipient,
        bRequest: request.request,
        wValue: request.value,
        wIndex: request.index,
        wLength: request.length,
      }),
    );
  }

  private finish(transfer: Transfer): void {
    this.transfer = undefined;
    transfer.finished(Uint8Array.from(transfer.answer));
    if (!this.transfer) this.waiting.shift()?.();
  }
}
