/** An emulated board, driven by hand from the other end of its cable. */
import { CLOCK_HZ } from '#host/device/emulator/emulated-clock.js';
import type { FlashChipOptions } from '#host/device/emulator/flash-chip.js';
import { SRAM_START } from '#host/device/emulator/memory.js';
import { Pico } from '#host/device/emulator/pico.js';
import { encodeFrame, FrameDecoder } from '#host/link/frame.js';
import {
  type DeviceMessage,
  decodeDeviceMessage,
  encodeRequest,
  type HelloReply,
  PROTOCOL_VERSION,
  type RequestBody,
  type RequestKind,
} from '#host/link/messages.js';
import { firmwareFlash, shimRom } from '../emulator/programs.js';

const SLICE_CYCLES = 100_000;
/** 10 emulated seconds: anything awaited here takes some milliseconds. */
const LIMIT_SLICES = 12_500;
/** Well within the arena, which is free as long as no network is open. */
const FREE_SRAM = SRAM_START + 0x20000;

export class Board {
  readonly console: string[] = [];
  readonly messages: DeviceMessage[] = [];
  readonly pico: Pico;
  /** Of the run that booted first, once it was asked for. */
  firstBootId = 0;
  private readonly decoder = new FrameDecoder();
  private requests = 0;

  constructor(flashChip?: FlashChipOptions) {
    this.pico = new Pico({
      rom: shimRom(),
      flash: firmwareFlash(),
      flashChip,
      onConsoleLine: (line) => this.console.push(line),
      onPacket: (bytes) => {
        for (const payload of this.decoder.push(bytes)) this.messages.push(decodeDeviceMessage(payload));
      },
      onIdle: () => false,
    });
  }

  runUntil(done: () => boolean): void {
    for (let slice = 0; !done(); slice++) {
      if (slice === LIMIT_SLICES) throw new Error('not within 10 emulated seconds');
      this.pico.machine.run(this.pico.cycles + SLICE_CYCLES);
    }
  }

  /** Waits until the firmware is up and on the bus. */
  boot(boots: number): void {
    this.runUntil(() => this.console.filter((line) => line.startsWith('priot ')).length === boots);
    this.runUntil(() => this.pico.cdc.configured);
    if (boots === 1) this.firstBootId = hello(this).bootId;
  }

  /** Lets emulated time pass. */
  wait(seconds: number): void {
    const end = this.pico.cycles + seconds * CLOCK_HZ;
    while (this.pico.cycles < end && !this.pico.machine.halt) this.pico.machine.run(end);
  }

  /** Has the main program go on with this code. */
  hijack(halfwords: readonly number[]): void {
    this.runUntil(() => this.pico.idle);
    const { chip } = this.pico.machine;
    for (const [at, halfword] of halfwords.entries()) chip.writeUint16(FREE_SRAM + 2 * at, halfword);
    chip.core.waiting = false;
    chip.core.PC = FREE_SRAM;
  }

  request<K extends RequestKind>(kind: K, body: RequestBody<K>): DeviceMessage {
    const requestId = ++this.requests;
    this.pico.cdc.send(encodeFrame(encodeRequest(requestId, kind, body)));
    const reply = () => this.messages.find((message) => message.requestId === requestId);
    this.runUntil(() => reply() !== undefined);
    return reply()!;
  }
}

/** Greets the board and returns who it is. */
export function hello(board: Board): HelloReply {
  const { body } = board.request('hello', { protocolVersion: PROTOCOL_VERSION });
  if (body.kind !== 'hello') throw new Error(`a ${body.kind}`);
  return body.value;
}
