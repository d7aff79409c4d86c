import { describe, expect, it } from 'vitest';
import { findBoard, findPort, findPorts, type ListedPort } from '#host/device/serial/discovery.js';

const board = (n: number): ListedPort => ({
  path: `/dev/ttyACM${n}`,
  manufacturer: 'priot project',
  serialNumber: `E66141${n}`,
  pnpId: `usb-priot_project_priot_E66141${n}-if00`,
  vendorId: '2e8a',
  productId: '000a',
});
const micropython: ListedPort = {
  path: '/dev/ttyACM7',
  manufacturer: 'MicroPython',
  pnpId: 'usb-MicroPython_Board_in_FS_mode_e66141-if00',
  vendorId: '2E8A',
  productId: '000A',
};
const probe: ListedPort = {
  path: '/dev/ttyACM8',
  pnpId: 'usb-Raspberry_Pi_Debug_Probe__CMSIS-DAP__E66-if01',
  vendorId: '2e8a',
  productId: '000c',
};
const pretender: ListedPort = {
  path: '/dev/ttyUSB0',
  pnpId: 'usb-x_priot_1-if00',
  vendorId: '1a86',
  productId: '000a',
};
/** As Windows lists a composite device: no string of the board's own. */
const windows = (n: number): ListedPort => ({
  path: `COM${n}`,
  manufacturer: 'Microsoft',
  serialNumber: `6&38F1B9F&0&000${n}`,
  pnpId: `USB\\VID_2E8A&PID_000A&MI_00\\6&38F1B9F&0&000${n}`,
  friendlyName: `USB Serial Device (COM${n})`,
  vendorId: '2E8A',
  productId: '000A',
});
const macos: ListedPort = {
  path: '/dev/tty.usbmodem101',
  manufacturer: 'priot project',
  serialNumber: 'E66141',
  vendorId: '2e8a',
  productId: '000a',
};
const uart: ListedPort = { path: '/dev/ttyS0' };

describe('ports', () => {
  it('on USB are told apart by ids and product string, the likeliest first', async () => {
    const ports = await findPorts(async () => [uart, pretender, probe, micropython, board(1)]);
    expect(ports.map(({ path, fingerprint }) => [path, fingerprint])).toEqual([
      ['/dev/ttyACM1', 'priot'],
      ['/dev/ttyACM7', 'pico'],
      ['/dev/ttyACM8', 'raspberry-pi'],
      ['/dev/ttyUSB0', 'other'],
    ]);
    expect(ports[0]).toEqual({
      path: '/dev/ttyACM1',
      fingerprint: 'priot',
      usbIds: '2e8a:000a',
      serialNumber: 'E661411',
    });
  });
});

describe('the board to use when none was named', () => {
  it('is the one that is priot', async () => {
    expect(await findBoard(async () => [uart, micropython, board(1)])).toMatchObject({
      board: { serialNumber: 'E661411' },
      passedOver: [],
    });
    expect(await findBoard(async () => [macos])).toMatchObject({ board: { path: '/dev/tty.usbmodem101' } });
  });

  it('is none when there is none: other firmware does not count, and is told', async () => {
    const { board, passedOver } = await findBoard(async () => [uart, micropython, probe, pretender]);
    expect(board).toBeUndefined();
    expect(passedOver.map(({ path }) => path)).toEqual(['/dev/ttyACM7', '/dev/ttyACM8']);
  });

  it('is one that may be priot, where the system tells no product string', async () => {
    expect((await findPorts(async () => [windows(12)]))[0]).toMatchObject({
      path: 'COM12',
      fingerprint: 'perhaps-priot',
    });
    expect(await findBoard(async () => [uart, windows(12)])).toMatchObject({ board: { path: 'COM12' } });
    await expect(findBoard(async () => [windows(3), windows(12)])).rejects.toMatchObject({ code: 'SEVERAL_BOARDS' });
  });

  it('has its serial number by either name that macOS gives its port', async () => {
    for (const path of ['/dev/tty.usbmodem101', '/dev/cu.usbmodem101']) {
      expect(await findPort({ path }, async () => [macos])).toMatchObject({ serialNumber: 'E66141' });
    }
  });

  it('is not chosen among several', async () => {
    await expect(findBoard(async () => [board(1), board(2)])).rejects.toMatchObject({
      code: 'SEVERAL_BOARDS',
      class: 'device',
      remedy: 'name one: --device /dev/ttyACM1',
    });
  });
});
