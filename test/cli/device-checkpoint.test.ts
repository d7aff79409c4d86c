/** The same board on one host after another: two processes, two run folders, a pseudo-terminal each. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Device } from '#host/device/device.js';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { checkPort } from '#host/sessions/doctor.js';
import { writeSmallNetwork } from '../network/small-network.js';
import { connect, openPty, sharedStream } from '../serial/pty.js';
import { type CliOptions, type CliResult, callCli, runCli } from './run-cli.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-device-checkpoint-'));
const model = writeSmallNetwork(join(scratch, 'model'));
const asked = ['--model', model, '--dataset', 'digits', '--samples', '8', '--epochs', '3', '--eval-samples', '4'];

let board: Device;
let stream: () => Device;
beforeAll(async () => {
  board = await openEmulator({ live: true });
  stream = sharedStream(board);
});
afterAll(async () => {
  await board.close();
  rmSync(scratch, { recursive: true });
});

/** `priot train` with the board plugged in. */
async function trainOnBoard(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const pty = await openPty();
  try {
    connect(stream(), pty);
    return await runCli(['train', ...asked, '--device', pty.path, '--json', ...words], options);
  } finally {
    await pty.close();
  }
}

it('goes on on another host after the first one was killed, and ends with the state of an undisturbed run', async () => {
  const first = join(scratch, 'first');
  let killed = false;
  const cut = await trainOnBoard(['--device-checkpoint', '--out', first], {
    onStderr: (stderr, child) => {
      // The epoch's line comes after the device has its checkpoint.
      if (!killed && stderr.includes('epoch 1/3:')) killed = child.kill('SIGKILL');
    },
  });
  expect(cut.status, cut.stderr).toBeNull();
  expect(cut.stderr).toContain('device checkpoint: 3 more saves; erasures of a flash sector: 0 so far, 2 more, of at');

  const second = join(scratch, 'second');
  const rest = await trainOnBoard(['--from-device-checkpoint', '--out', second]);
  expect(rest.status, rest.stderr).toBe(0);
  expect(rest.stderr).toMatch(/going on from the device's checkpoint, before step (8|16|24) of 24/);
  const summary = JSON.parse(rest.stdout);
  const { begunAt, asked: recorded } = JSON.parse(readFileSync(join(second, 'run.json'), 'utf8'));
  expect(begunAt.step).toBe(8 * begunAt.sequence);
  expect(recorded.deviceCheckpoint).toBe(true);
  expect(summary.steps).toBe(24 - begunAt.step);

  const undisturbed = await callCli([
    'train',
    ...asked,
    '--device',
    'simulator',
    '--json',
    '--out',
    join(scratch, 'all'),
  ]);
  const expected = JSON.parse(undisturbed.stdout);
  expect(summary.stateDigest).toBe(expected.stateDigest);
  expect(summary.accuracy.after).toBe(expected.accuracy.after);

  const shown = await callCli(['runs', 'show', second]);
  expect(shown.stdout).toContain(`at step ${begunAt.step}, from the device's checkpoint ${begunAt.sequence}`);
});

it('says what it will not go on from, and what it writes over', async () => {
  const other = await trainOnBoard(['--seed', '7', '--from-device-checkpoint', '--out', join(scratch, 'other')]);
  expect(other.status, other.stderr).toBe(4);
  expect(other.stderr).toMatch(
    /error: the device's checkpoint, before step 24, is of session [0-9a-f]{16}; these opti/,
  );
  const over = await trainOnBoard(['--device-checkpoint', '--epochs', '1', '--out', join(scratch, 'over')]);
  expect(over.stderr).toContain(
    'the device holds a checkpoint of this very session, before step 24: this run will write',
  );
  expect(JSON.parse(over.stdout).deviceCheckpoint).toEqual({ nextStep: 8, sequence: 4 });
});

it('is kept by a run that is interrupted and resumed, and told by the doctor', async () => {
  const run = join(scratch, 'interrupted');
  let interrupted = false;
  const cut = await trainOnBoard(['--seed', '9', '--device-checkpoint', '--out', run], {
    onStderr: (stderr, child) => {
      if (!interrupted && stderr.includes('before training:')) interrupted = child.kill('SIGINT');
    },
  });
  expect(cut.status, cut.stderr).toBe(130);
  const pty = await openPty();
  connect(stream(), pty);
  try {
    const resumed = await callCli(['train', '--resume', run, '--device', pty.path, '--json']);
    expect(resumed.stderr).toMatch(/device checkpoint: \d more saves; erasures of a flash sector: \d so far, \d more/);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ steps: 24, deviceCheckpoint: { nextStep: 24, sequence: 7 } });
    const { sessionId } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')).provenance;
    const { text } = await checkPort({ path: pty.path, usbIds: '2e8a:000a', fingerprint: 'priot' }, undefined);
    expect(text).toContain(`checkpoint of session ${sessionId} before step 24, flash sectors erased 4 times`);
  } finally {
    await pty.close();
  }
});

it('is refused where there is none, and with --resume', async () => {
  const none = await callCli(['train', ...asked, '--device', 'simulator', '--from-device-checkpoint']);
  expect(none.status).toBe(4);
  expect(none.stderr).toContain('error: the device holds no checkpoint');
  const resumed = await callCli(['train', '--resume', 'x', '--from-device-checkpoint']);
  expect(resumed.status).toBe(2);
});
