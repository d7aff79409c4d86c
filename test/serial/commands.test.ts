import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPty, type Pty } from './pty.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'priot-commands-'));
});
afterEach(() => rm(folder, { recursive: true }));

function start(args: string[], environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ['dist/host/cli/main.js', ...args], {
    env: { ...process.env, ...environment },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.on('data', (text) => {
    output.stderr += text;
  });
  const closed = once(child, 'close');
  return { child, output, status: async () => (await closed)[0] as number | null };
}

async function run(args: string[], environment?: NodeJS.ProcessEnv) {
  const { output, status } = start(args, environment);
  return { status: await status(), ...output };
}

describe('priot devices', () => {
  it('lists the built-in devices', async () => {
    const { status, stdout } = await run(['devices', '--json']);
    expect(status).toBe(0);
    const kinds = JSON.parse(stdout).devices.map(({ name, kind }: { name: string; kind: string }) => [name, kind]);
    expect(kinds).toEqual(
      expect.arrayContaining([
        ['emulator', 'emulator'],
        ['simulator', 'simulator'],
      ]),
    );
  });

  it('lists them too where ports cannot be listed, and says why', async ({ skip }) => {
    skip(process.platform !== 'linux', 'only Linux needs a program for it');
    const { status, stdout, stderr } = await run(['devices'], { PATH: folder });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^emulator .*\nsimulator .*\n$/);
    expect(stderr).toMatch(/the program udevadm is missing\n {2}try: sudo apt install udev/);
  });
});

describe('priot doctor', () => {
  it('gives every problem the command that mends it', async () => {
    const bare = { PATH: folder, HOME: folder, XDG_CACHE_HOME: folder, PRIOT_DATA: '' };
    const { status, stdout } = await run(['doctor', '--json'], bare);
    const { ok, findings } = JSON.parse(stdout);
    expect(status).toBe(ok ? 0 : 1);
    expect(findings.map(({ check }: { check: string }) => check)).toEqual(
      expect.arrayContaining(['node', 'firmware image', 'simulator', 'toolchain', 'data set mnist', 'serial ports']),
    );
    for (const finding of findings) if (finding.status !== 'ok') expect(finding.remedy).toEqual(expect.any(String));
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'data set mnist', status: 'warn', remedy: 'priot data fetch mnist' }),
    );
  });

  it('prints the udev rule alone', async () => {
    const { status, stdout } = await run(['doctor', '--udev-rule']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^SUBSYSTEM=="tty", ATTRS\{idVendor\}=="2e8a"/m);
  });
});

describe('priot flash', () => {
  it('refuses an image that is none: exit 4, and says what to do', async () => {
    const image = join(folder, 'text.uf2');
    await writeFile(image, 'not an image');
    const { status, stderr } = await run(['flash', '--firmware', image]);
    expect(status).toBe(4);
    expect(stderr).toMatch(/error: text\.uf2 is not a UF2 file\n {2}try: name the \.uf2 file/);
  });

  it('refuses a folder that is no drive: exit 3', async () => {
    const { status, stderr } = await run(['flash', '--drive', folder]);
    expect(status).toBe(3);
    expect(stderr).toContain('INFO_UF2.TXT');
  });
});

describe('priot monitor', () => {
  let pty: Pty;
  beforeEach(async () => {
    pty = await openPty();
  });
  afterEach(() => pty.close());

  async function monitor() {
    const running = start(['monitor', pty.path]);
    // It is listening once it says so.
    while (!running.output.stderr.includes('Ctrl-C ends')) await once(running.child.stderr, 'data');
    return running;
  }

  it('prints the lines of the console; Ctrl-C ends it well', async () => {
    const { child, output, status } = await monitor();
    pty.input.write('priot: ready\r\nwarning: stack');
    pty.input.write(' is low\n');
    while (!output.stdout.includes('low\n')) await once(child.stdout, 'data');
    child.kill('SIGINT');
    expect(await status()).toBe(0);
    expect(output.stdout).toBe('priot: ready\nwarning: stack is low\n');
  });

  it('ends with exit 3 when the port goes away', async () => {
    const { output, status } = await monitor();
    await pty.close();
    expect(await status()).toBe(3);
    expect(output.stderr).toMatch(/the port is gone[\s\S]*try: plug it in again/);
  });

  it('ends with exit 3 when there is no such port', async () => {
    expect(await run(['monitor', '/dev/ttyACM987'])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('priot devices'),
    });
  });
});
