/** The library as scripts use it: those of docs/library.md, two sessions at once, and what it must not do. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TrainEvent, train } from '#host/index.js';
import { callCli } from '../cli/run-cli.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'priot-library-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/priot'), 'dir');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs an ES module in a folder that has priot installed. */
async function script(name: string, text: string): Promise<{ stdout: string; stderr: string }> {
  writeFileSync(join(folder, `${name}.mjs`), text);
  return run(process.execPath, [`${name}.mjs`], { cwd: folder });
}

const small = { device: 'simulator', dataset: 'digits', samples: 64, epochs: 2, evalSamples: 50 } as const;

describe('docs/library.md', () => {
  const page = readFileSync(join(root, 'docs/library.md'), 'utf8');
  const [training, comparison, reading, ...more] = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(
    ([, code]) => code!,
  );

  it('has the three scripts that are run here', () => expect(more).toEqual([]));

  it('shows a training loop with events, and reading the run that it leaves', async () => {
    const trained = await script('training', training!);
    expect(trained.stderr).toBe('');
    expect(trained.stdout).toMatch(
      /^on simulator, simulated\nepoch -1: .*\nepoch 0: .*\nepoch 1: .*\n(epoch 2: .*\n)+768 steps, learned state [0-9a-f]{12}\n$/,
    );
    const read = await script('reading', reading!);
    expect(read.stderr).toBe('');
    expect(read.stdout).toMatch(
      /^priot on digits at 45 degrees, simulated\nfirmware .+\n(epoch \d: .*\n)+\d+ of 768 training/,
    );
  });

  it('shows a comparison of methods', async () => {
    const { stdout, stderr } = await script('comparison', comparison!);
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual(
      ['30 degrees, priot', '30 degrees, niti-static', '60 degrees, priot', '60 degrees, niti-static'].map((which) =>
        expect.stringMatching(new RegExp(`^${which}: 0\\.\\d+ before, 0\\.\\d+ after$`)),
      ),
    );
  });
});

describe('sessions of the library', () => {
  it('run side by side in one process, each to the state it has alone and as priot train has it', async () => {
    const options = [
      { ...small, angle: 30 },
      { ...small, angle: 60, method: 'niti-dynamic' },
    ] as const;
    const events: TrainEvent['type'][][] = [[], []];
    const out = (name: string) => join(folder, name);
    const together = await Promise.all(
      options.map((each, index) =>
        train({ ...each, out: out(`together-${index}`) }, { onEvent: ({ type }) => events[index]!.push(type) }),
      ),
    );
    for (const [index, each] of options.entries()) {
      const alone = await train({ ...each, out: out(`alone-${index}`) });
      expect(together[index]).toMatchObject({ steps: 128, stateDigest: alone.stateDigest, accuracy: alone.accuracy });
      expect(events[index]!.filter((type) => type === 'step')).toHaveLength(128);
    }
    expect(together[0]!.stateDigest).not.toBe(together[1]!.stateDigest);
    const words = ['--device', 'simulator', '--dataset', 'digits', '--samples', '64', '--epochs', '2'];
    const asked = [...words, '--eval-samples', '50', '--angle', '30', '--out', out('by-command'), '--json'];
    const { stdout } = await callCli(['train', ...asked]);
    expect(JSON.parse(stdout).stateDigest).toBe(together[0]!.stateDigest);
  });

  it('write nothing to the terminal, load no serialport, and record the command that does the same', async () => {
    const { stdout, stderr } = await script(
      'silent',
      `import { createRequire } from 'node:module';
       import { readRun, train } from 'priot';
       const { stateDigest } = await train({ ...${JSON.stringify(small)}, belowThreshold: 'negate:fc1', out: 'silent' });
       const loaded = Object.keys(createRequire(import.meta.url).cache);
       const { command } = readRun('silent').manifest;
       process.stdout.write(JSON.stringify({ stateDigest, command, serial: loaded.some((path) => /serialport/.test(path)) }));`,
    );
    expect(stderr).toBe('');
    const { stateDigest, command, serial } = JSON.parse(stdout);
    expect(serial).toBe(false);
    const again = await callCli([...command, '--out', join(folder, 'silent-again'), '--json']);
    expect(JSON.parse(again.stdout).stateDigest).toBe(stateDigest);
  });

  it('end with the signal’s reason, saved, and go on to the same state', async () => {
    const { resume } = await import('#host/index.js');
    const whole = await train({ ...small, out: join(folder, 'whole') });
    const cut = join(folder, 'cut');
    const controller = new AbortController();
    const reason = new Error('enough for today');
    const stopped = train(
      { ...small, out: cut },
      {
        signal: controller.signal,
        onEvent: (event) => {
          if (event.type === 'step' && event.step === 40) controller.abort(reason);
        },
      },
    );
    await expect(stopped).rejects.toBe(reason);
    expect(await resume({ run: cut })).toMatchObject({ steps: 128, stateDigest: whole.stateDigest });
  });

  it.each([
    [{ angel: 45 }, 'UNKNOWN_OPTION', /no option angel/],
    [{ angle: 361 }, 'OPTION_REFUSED', /angle is 361\. It must be a number of degrees in -360\.\.360/],
    [{ angle: '45' }, 'OPTION_REFUSED', /angle is 45\./],
    [{ narrow: [24, 16] }, 'OPTION_REFUSED', /narrow is \[24,16\]\. It must be a list of ascending numbers/],
    [{ scored: 0.1 }, 'OPTION_OF_ANOTHER_METHOD', /priot has no --scored/],
    [{ fromRun: 'runs/a', angle: 45 }, 'OPTIONS_CONFLICT', /fromRun and angle exclude each other/],
  ])('refuse %j before anything is opened', async (wrong, code, message) => {
    const events: string[] = [];
    // a script has no compiler that would refuse it
    const options = { ...('fromRun' in wrong ? {} : small), ...wrong } as Parameters<typeof train>[0];
    const refused = train(options, { onEvent: ({ type }) => events.push(type) });
    await expect(refused).rejects.toMatchObject({ code, class: 'usage', message: expect.stringMatching(message) });
    expect(events).toEqual([]);
  });
});

it('leaves the terminal, the arguments, the exit status and the option parser to cli/', () => {
  const source = join(root, 'host/src');
  // Programs of their own: the tests start the one, sessions on ports the other, which ends with the process that did.
  const programs = ['pty-bridge.ts', 'training-thread-main.ts'];
  const others = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.startsWith('cli') && !programs.includes(basename(path)),
  );
  const terminal =
    /process\.(stdout|stderr|argv|exit|exitCode)\b|console\.(log|error|warn)\(|ExitStatus|from 'commander'/;
  expect(others.length).toBeGreaterThan(150);
  expect(others.filter((path) => terminal.test(readFileSync(join(source, path), 'utf8')))).toEqual([]);
});
