import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FoundPort } from '#host/device/serial/discovery.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { checkNode, checkPackage, checkPort, checkToolchain } from '#host/sessions/doctor.js';
import { connect, openPty } from './pty.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'priot-doctor-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('priot doctor', () => {
  it.each([
    ['18.20.0', 'fail'],
    ['20.14.9', 'fail'],
    ['20.15.0', 'ok'],
    ['22.0.0', 'ok'],
  ])('node %s: %s', (version, status) => expect(checkNode(version).status).toBe(status));

  it('names missing files of the package and what makes them', async () => {
    await mkdir(join(folder, 'dist/firmware'), { recursive: true });
    await writeFile(join(folder, 'dist/firmware/priot.uf2'), '');
    const findings = [...checkPackage(folder)];
    expect(findings.map(({ check, status }) => [check, status])).toEqual([
      ['package', 'ok'],
      ['firmware image', 'ok'],
      ["emulator's boot ROM", 'fail'],
      ['simulator', 'fail'],
    ]);
    expect(findings[3]!.remedy).toContain('make simulator');
  });

  it('names missing programs and the command that brings them', async () => {
    await writeFile(join(folder, 'cmake'), '');
    const finding = checkToolchain(folder);
    expect(finding).toMatchObject({ status: 'warn', remedy: 'make setup' });
    expect(finding.text).toContain('arm-none-eabi-gcc');
    expect(finding.text).not.toContain('cmake');
  });

  describe('at a port', () => {
    async function check(flash: Uint8Array | undefined, fingerprint: FoundPort['fingerprint'] = 'priot') {
      const [simulator, pty] = [await openSimulator(), await openPty()];
      connect(simulator, pty);
      try {
        return await checkPort({ path: pty.path, fingerprint, usbIds: '2e8a:000a' }, flash);
      } finally {
        await simulator.close();
        await pty.close();
      }
    }

    it('says which firmware answers', async () => {
      expect(await check(undefined)).toMatchObject({
        status: 'ok',
        text: expect.stringMatching(
          /^firmware \S+; line: 10[2-9] frames, 0 damaged, 0 repeated, 0 timeouts, \d+\.\d ms/,
        ),
      });
    });

    it('greets a board whose system does not tell what it is', async () => {
      expect(await check(undefined, 'perhaps-priot')).toMatchObject({
        status: 'ok',
        text: expect.stringMatching(/^firmware /),
      });
    });

    it("says when it is not the package's", async () => {
      expect(await check(new Uint8Array(1024))).toMatchObject({
        status: 'warn',
        remedy: expect.stringContaining('priot flash --device'),
      });
    });

    it('sends other firmware to priot flash, and leaves other devices alone', async () => {
      const path = '/dev/ttyACM987';
      expect(await checkPort({ path, fingerprint: 'pico', usbIds: '2e8a:000a' }, undefined)).toMatchObject({
        status: 'warn',
        remedy: `priot flash --device ${path}`,
      });
      expect(await checkPort({ path, fingerprint: 'other', usbIds: '1a86:7523' }, undefined)).toMatchObject({
        status: 'ok',
      });
    });

    it('fails with the port', async () => {
      expect(
        await checkPort({ path: '/dev/ttyACM987', fingerprint: 'priot', usbIds: '2e8a:000a' }, undefined),
      ).toMatchObject({
        status: 'fail',
        text: expect.stringContaining('no such port'),
        remedy: expect.any(String),
      });
    });
  });
});
