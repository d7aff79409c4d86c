import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findBootselDrives } from '#host/device/serial/bootsel.js';
import type { FoundPort } from '#host/device/serial/discovery.js';
import { DeviceError } from '#host/errors.js';
import { type Boards, type FlashRequest, flashBoard } from '#host/sessions/flash-board.js';

const RP2040 = 0xe48bff56;
const COMMIT = 'abc123def456';
const INFO = 'UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n';

/** A UF2 image whose text lies across two of its blocks. */
function uf2(text = COMMIT, family = RP2040): Uint8Array {
  const flash = Buffer.alloc(1024, 0x11);
  flash.write(text, 512 - 5);
  const blocks = flash.length / 256;
  const file = Buffer.alloc(blocks * 512);
  for (let i = 0; i < blocks; i++) {
    const words = [0x0a324655, 0x9e5d5157, 0x2000, 0x10000000 + 256 * i, 256, i, blocks, family];
    for (const [k, word] of words.entries()) file.writeUInt32LE(word, i * 512 + 4 * k);
    flash.copy(file, i * 512 + 32, 256 * i, 256 * (i + 1));
    file.writeUInt32LE(0x0ab16f30, i * 512 + 508);
  }
  return file;
}

let folder: string;
let drive: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'priot-flash-'));
  drive = join(folder, 'RPI-RP2');
});
afterEach(() => rm(folder, { recursive: true }));

async function mountDrive(info = INFO, path = drive): Promise<void> {
  await mkdir(path);
  await writeFile(join(path, 'INFO_UF2.TXT'), info);
}

const port = (serialNumber: string, fingerprint: FoundPort['fingerprint'] = 'priot'): FoundPort => ({
  path: `/dev/tty-${serialNumber}`,
  fingerprint,
  usbIds: '2e8a:000a',
  serialNumber,
});

/** Boards of which the one flashed comes back 5 s after its image is whole, and touched ones show their drive in 3 s. */
class FakeBoards implements Boards {
  touched: string[] = [];
  commit = COMMIT;
  #nowMs = 0;
  #driveAtMs = Number.POSITIVE_INFINITY;
  #backAtMs: number | undefined;

  constructor(
    readonly running: FoundPort[],
    readonly returning: FoundPort | undefined = undefined,
  ) {}

  readonly clock = {
    nowMs: () => this.#nowMs,
    delay: async (ms: number) => {
      this.#nowMs += ms;
    },
  };

  async drives() {
    if (this.#nowMs >= this.#driveAtMs) await mountDrive().catch(() => {});
    return findBootselDrives([drive, `${drive}2`]);
  }

  async ports() {
    const image = await readFile(join(drive, 'priot.uf2')).catch(() => undefined);
    if (image && this.returning) this.#backAtMs ??= this.#nowMs + 5_000;
    const back = this.#backAtMs !== undefined && this.#nowMs >= this.#backAtMs;
    return [...this.running.filter(({ path }) => !this.touched.includes(path)), ...(back ? [this.returning!] : [])];
  }

  async touch(path: string) {
    this.touched.push(path);
    this.#driveAtMs = this.#nowMs + 3_000;
  }

  async firmwareCommit() {
    return this.commit;
  }
}

async function flash(boards: Boards, request: Partial<FlashRequest> = {}) {
  const said: string[] = [];
  let copied = 0;
  const progress = {
    says: (text: string) => said.push(text),
    copied: (bytes: number) => {
      copied = bytes;
    },
  };
  const board = await flashBoard({ image: uf2(), imageName: 'priot.uf2', ...request }, boards, progress);
  return { board, said, copied };
}

describe('priot flash', () => {
  it('copies to the drive of a board in its boot ROM, and finds the new board', async () => {
    await mountDrive();
    const boards = new FakeBoards([port('A')], port('B'));
    const { board, copied } = await flash(boards);
    expect(board).toEqual({ port: '/dev/tty-B', serialNumber: 'B', firmwareCommit: COMMIT });
    expect(new Uint8Array(await readFile(join(drive, 'priot.uf2')))).toEqual(new Uint8Array(uf2()));
    expect(copied).toBe(uf2().length);
    expect(boards.touched).toEqual([]);
  });

  it('asks a running board for its boot ROM, and finds it again by its serial number', async () => {
    const back = { ...port('B'), path: '/dev/elsewhere' };
    const boards = new FakeBoards([port('A'), port('B')], back);
    const { board } = await flash(boards, { device: '/dev/tty-B' });
    expect(boards.touched).toEqual(['/dev/tty-B']);
    expect(board).toMatchObject({ port: '/dev/elsewhere', serialNumber: 'B' });
  });

  it('finds a board again that may be priot by its ids alone, as Windows lists it, and lets its Hello decide', async () => {
    const com3: FoundPort = { path: 'COM3', fingerprint: 'perhaps-priot', usbIds: '2e8a:000a' };
    const another: FoundPort = { ...com3, path: 'COM4' };
    const boards = new FakeBoards([com3, another], com3);
    const { board } = await flash(boards, { device: 'COM3' });
    expect(boards.touched).toEqual(['COM3']);
    expect(board).toEqual({ port: 'COM3', firmwareCommit: COMMIT });

    await rm(drive, { recursive: true });
    const other = new FakeBoards([com3], com3);
    other.commit = 'fff000';
    await expect(flash(other)).rejects.toMatchObject({ code: 'OTHER_FIRMWARE' });
  });

  it('takes the only Pico there is, other firmware included', async () => {
    const boards = new FakeBoards([port('A', 'other'), port('B', 'pico')], port('B'));
    await flash(boards);
    expect(boards.touched).toEqual(['/dev/tty-B']);
  });

  it('waits for the right to use the port that has just appeared, but not for ever', async () => {
    await mountDrive();
    const boards = new FakeBoards([], port('B'));
    let refusals = 3;
    boards.firmwareCommit = async () => {
      if (refusals-- > 0) throw new DeviceError('PORT_PERMISSION', 'not yet');
      return COMMIT;
    };
    await flash(boards);
    refusals = Number.POSITIVE_INFINITY;
    const refusing = new FakeBoards([], port('B'));
    refusing.firmwareCommit = boards.firmwareCommit;
    await expect(flash(refusing)).rejects.toMatchObject({ code: 'PORT_PERMISSION' });
  });

  it('takes the drive that was named', async () => {
    await mountDrive(INFO, `${drive}2`);
    await mountDrive();
    const { board } = await flash(new FakeBoards([], port('B')), { drive });
    expect(board.serialNumber).toBe('B');
  });

  it.each([
    ['text', Buffer.from('not an image'), 'NOT_UF2'],
    ['another chip family', uf2(COMMIT, 0xe48bff59), 'FIRMWARE_IMAGE_INVALID'],
    ['a file cut short', uf2().subarray(0, 700), 'FIRMWARE_IMAGE_INVALID'],
  ])('refuses %s before anything happens', async (_, image, code) => {
    const boards = new FakeBoards([port('A')], port('A'));
    await expect(flash(boards, { image })).rejects.toMatchObject({ code, class: 'data' });
    expect(boards.touched).toEqual([]);
  });

  it('refuses the drive of another kind of board', async () => {
    await mountDrive(INFO.replace('RPI-RP2', 'RP2350'));
    await expect(flash(new FakeBoards([]))).rejects.toMatchObject({ code: 'WRONG_BOARD', message: /RP2350/ });
  });

  it('says when a folder is no such drive', async () => {
    await mkdir(drive);
    await expect(flash(new FakeBoards([]), { drive })).rejects.toMatchObject({ code: 'NO_DRIVE', class: 'device' });
  });

  it('says when no drive appears', async () => {
    const boards = new FakeBoards([port('A')]);
    boards.touch = async () => {};
    await expect(flash(boards)).rejects.toMatchObject({ code: 'NO_DRIVE', message: /in 20 s/, remedy: /BOOTSEL/ });
    expect(boards.clock.nowMs()).toBe(20_000);
  });

  it('says when there is no board, or more than one', async () => {
    await expect(flash(new FakeBoards([port('A', 'other')]))).rejects.toMatchObject({
      code: 'NO_BOARD',
      class: 'device',
    });
    await expect(flash(new FakeBoards([port('A'), port('B')]))).rejects.toMatchObject({ code: 'SEVERAL_BOARDS' });
    await mountDrive();
    await mountDrive(INFO, `${drive}2`);
    await expect(flash(new FakeBoards([]))).rejects.toMatchObject({ code: 'SEVERAL_BOARDS', remedy: /--drive/ });
  });

  it('says when the copy fails', async () => {
    await mountDrive();
    await mkdir(join(drive, 'priot.uf2')); // a folder in the way
    await expect(flash(new FakeBoards([]))).rejects.toMatchObject({
      code: 'COPY_FAILED',
      message: /0 of 2048 bytes/,
      remedy: /BOOTSEL/,
    });
  });

  it('says when the board does not come back, or with other firmware', async () => {
    await mountDrive();
    await expect(flash(new FakeBoards([port('A')]))).rejects.toMatchObject({ code: 'BOARD_NOT_BACK', class: 'device' });
    const boards = new FakeBoards([], port('B'));
    boards.commit = 'fff000';
    await expect(flash(boards)).rejects.toMatchObject({ code: 'OTHER_FIRMWARE', message: /fff000/ });
  });
});
