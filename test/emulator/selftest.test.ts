/** `priot selftest` on the emulated Pico: it passes, and each fault that is put into the board fails and is named. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openInProcess } from '#host/device/emulator/in-process.js';
import type { Machine } from '#host/device/emulator/machine.js';
import { FLASH_BYTES, FLASH_START, SRAM_START } from '#host/device/emulator/memory.js';
import { Turns, type TurnsOptions } from '#host/device/emulator/turns.js';
import { parseFaults } from '#host/device/faulty/faults.js';
import { FaultyPort } from '#host/device/faulty/faulty-port.js';
import { Connection } from '#host/link/connection.js';
import { encodeFrame } from '#host/link/frame.js';
import { Link } from '#host/link/link.js';
import { encodeRequest } from '#host/link/messages.js';
import { loadCase } from '#host/network/conformance-case.js';
import { runSelfTest, type SelfTestDocument } from '#host/sessions/selftest.js';
import { firmwareFlash, shimRom } from './programs.js';

const CASE = loadCase(fileURLToPath(new URL('../conformance/priot-saturated', import.meta.url)));
const SOF_READ = 0x48;
const SYSTICK_VALUE = 0x018;

interface Fault {
  /** The check that must fail, and what it must say. */
  readonly check: string;
  readonly says: RegExp;
  readonly board?: Partial<TurnsOptions>;
  /** Breaks the machine before it starts; flash holds the image already. */
  breaks?(machine: Machine): void;
  /** Of the line. */
  readonly line?: string;
}

async function selfTestWith(fault?: Fault): Promise<SelfTestDocument> {
  const turns = new Turns({ rom: shimRom(), flash: firmwareFlash(), latencyMs: 1, ...fault?.board });
  fault?.breaks?.(turns.pico.machine);
  const device = await openInProcess(turns);
  const restart = encodeFrame(encodeRequest(0xffff_ffff, 'restart', { bootsel: false }));
  const port = { open: async () => device, close: async () => {} };
  const opened = fault?.line ? await new FaultyPort(port, parseFaults(fault.line), restart).open() : device;
  const connection = Connection.over(await Link.open(opened));
  try {
    return await runSelfTest(connection, {
      cases: [CASE],
      megabytes: fault ? 0.1 : 0.3,
      ...(fault && { only: [fault.check] }),
    });
  } finally {
    await connection.close();
  }
}

/** Has something happen again and again while the machine runs. */
function repeat(machine: Machine, everyCycles: number, action: () => void): void {
  const alarm = machine.clock.createAlarm(() => {
    action();
    alarm.schedule(everyCycles * 8);
  });
  alarm.schedule(everyCycles * 8);
}

const STUCK_ADDRESS = SRAM_START + 0x25000;

const faults: Record<string, Fault> = {
  'a flash chip without an id': {
    check: 'identity',
    says: /tells no id of its own: 0{16}/,
    board: { flashChip: { uniqueId: new Uint8Array(8) } },
  },
  'a crystal that is 3 % fast': {
    check: 'clock',
    says: /20[5-7] USB frames in 200 ms instead of 200/,
    breaks({ chip }) {
      const usb = chip.usbCtrl as unknown as { readUint32(offset: number): number };
      const read = usb.readUint32.bind(usb);
      usb.readUint32 = (offset) => (offset === SOF_READ ? Math.floor(read(offset) * 1.03) : read(offset));
    },
  },
  'SysTick that loses a tenth of its counts': {
    check: 'clock',
    says: /SysTick counts \d+ cycles in 50 ms of the timer/,
    breaks({ chip }) {
      const ppb = chip.ppb as unknown as { readUint32(offset: number): number };
      const read = ppb.readUint32.bind(ppb);
      ppb.readUint32 = (offset) => {
        if (offset !== SYSTICK_VALUE) return read(offset);
        return 0xffffff - Math.floor((0xffffff - read(offset)) * 0.9);
      };
    },
  },
  'a bit of SRAM that is stuck at 1': {
    check: 'SRAM',
    says: /SRAM at 0x20025000 holds 0x00000010 instead of 0x00000000/,
    breaks(machine) {
      repeat(machine, 50, () => {
        machine.memory.sram[STUCK_ADDRESS - SRAM_START]! |= 0x10;
      });
    },
  },
  'flash that does not erase': {
    check: 'flash',
    says: /flash does not erase/,
    breaks({ memory, flashChip }) {
      memory.flash.fill(0x33, FLASH_BYTES - 4096);
      flashChip.erase = () => 5_625_000;
    },
  },
  'flash that does not program': {
    check: 'flash',
    says: /flash does not program: \d+ bytes are wrong/,
    breaks({ flashChip }) {
      flashChip.program = () => 50_000;
    },
  },
  'a temperature sensor that is not there': {
    check: 'temperature',
    says: /the temperature sensor says \d+/,
    breaks({ chip }) {
      chip.adc.channelValues[4] = 0;
    },
  },
  'a kernel that is off by one': {
    check: 'arithmetic',
    says: /case [a-z0-9-]+ differs first in step \d+/,
    board: { flash: flashWithBadKernel() },
  },
  'a watchdog that does not bite': {
    check: 'watchdog',
    says: /a board that hangs is not reset by its watchdog/,
    breaks({ chip }) {
      const { watchdog } = chip as unknown as { watchdog: { onWatchdogTrigger(): void; alarm: { enable: boolean } } };
      watchdog.onWatchdogTrigger = () => {
        watchdog.alarm.enable = false;
      };
    },
  },
  'a checkpoint that rots in flash': {
    check: 'watchdog',
    says: /saveCheckpoint|the checkpoint in flash/,
    breaks(machine) {
      repeat(machine, 10_000, () => machine.memory.flash.fill(0, 0x40000, 0x100000));
    },
  },
  'a line that drops frames': { check: 'USB', says: /frames/, line: 'seed=3,drop=0.01' },
  'a line that flips bits': { check: 'USB', says: /damages frames/, line: 'seed=4,flip=0.01' },
};

/** MOVS Rd, #127 and the same with 126. */
function isMoveOf127(halfword: number): boolean {
  return (halfword & 0xf8ff) === 0x207f;
}

/** The image whose requantisation clamps activations at 126: what MOVS gives there is one less. */
function flashWithBadKernel(): Uint8Array {
  const flash = firmwareFlash();
  const elf = fileURLToPath(new URL('../../dist/firmware/priot.elf', import.meta.url));
  const symbols = execFileSync('arm-none-eabi-nm', ['-S', elf], { encoding: 'utf8' });
  const [, address, size] = symbols.match(/^(\w+) (\w+) T engine_requantise$/m) ?? [];
  const begin = Number.parseInt(address!, 16) - FLASH_START;
  const code = new DataView(flash.buffer, begin, Number.parseInt(size!, 16));
  let changed = 0;
  for (let at = 0; at < code.byteLength; at += 2) {
    if (!isMoveOf127(code.getUint16(at, true))) continue;
    code.setUint16(at, code.getUint16(at, true) - 1, true);
    changed++;
  }
  expect(changed).toBeGreaterThan(0);
  return flash;
}

const MEASURED = [
  'multiply',
  'load',
  'store',
  'branch',
  'flash line, cached',
  'flash line, missed',
  'interrupt',
  'load beside DMA',
  'load of USB memory',
];

test('a board that is well passes every check', async () => {
  const document = await selfTestWith();
  expect(document.checks.map(({ name, status }) => [name, status])).toEqual(
    ['identity', 'clock', 'SRAM', 'flash', 'temperature', 'cycles', 'arithmetic', 'watchdog', 'USB'].map((name) => [
      name,
      'pass',
    ]),
  );
  expect(document).toMatchObject({ verdict: 'pass', place: 'emulated' });
  const measured = document.calibration.slice(0, -1);
  expect(measured.map(({ name, ratio }) => [name, ratio])).toEqual(MEASURED.map((name) => [name, 1]));
  // its loads wait for nobody in the emulator
  const rivalled = document.calibration.at(-1)!;
  expect(rivalled.name).toBe('load beside the second core');
  expect(rivalled.ratio).toBeCloseTo(1, 2);
});

const FIFO_STATUS = 0x050;
const FIFO_WRITE = 0x054;
const FIFO_READ = 0x058;
const CAN_READ = 1;
const CAN_WRITE = 2;

/** The boot ROM's side of a second core's start: it echoes each word; it begins anew when one is wrong. */
function answerAsSecondCore({ chip }: Machine, garbled: number): number[] {
  const heard: number[] = [];
  let answer: number | undefined;
  const sio = chip.sio as unknown as Record<'readUint32' | 'writeUint32', (offset: number, value: number) => number>;
  const [read, write] = [sio.readUint32.bind(sio), sio.writeUint32.bind(sio)];
  sio.readUint32 = (offset, value) => {
    if (offset === FIFO_STATUS) return CAN_WRITE | (answer === undefined ? 0 : CAN_READ);
    if (offset !== FIFO_READ) return read(offset, value);
    const word = answer ?? 0;
    answer = undefined;
    return word;
  };
  sio.writeUint32 = (offset, value) => {
    if (offset !== FIFO_WRITE) return write(offset, value);
    heard.push(value >>> 0);
    answer = heard.length === garbled ? ~value >>> 0 : value >>> 0;
    return 0;
  };
  return heard;
}

test('a second core is started as its boot ROM wants it, and takes part', async () => {
  let heard: number[] = [];
  const { calibration } = await selfTestWith({
    check: 'cycles',
    says: /./,
    breaks: (machine) => {
      heard = answerAsSecondCore(machine, 3);
    },
  });
  const [stack, entry] = heard.slice(-2);
  expect(heard.slice(0, -3)).toEqual([0, 0, 1, 0, 0, 1]); // the third word's echo was garbled
  expect(stack! % 8).toBe(0);
  expect(entry! & 1).toBe(1);
  // its loads wait for nobody in the emulator
  expect(calibration.at(-1)!.ratio).toBeCloseTo(1, 2);
});

test.each(Object.entries(faults))('%s fails, and is named', async (_, fault) => {
  const { verdict, checks } = await selfTestWith(fault);
  expect(verdict).toBe('fail');
  const found = checks.find(({ name }) => name === fault.check)!;
  expect(found).toMatchObject({ status: 'fail', text: expect.stringMatching(fault.says) });
});
