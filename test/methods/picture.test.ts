/** The picture of the README is drawn from recorded runs, and from nothing else: scripts/picture.mjs. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const scratch = mkdtempSync(join(tmpdir(), 'priot-picture-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const script = join(import.meta.dirname, '../../scripts/picture.mjs');
const picture = join(scratch, 'images/accuracy.svg');

function session(label: string, seed: number, accuracies: number[], imageSet = 'mnist test 0..999') {
  const run = join(scratch, `${label}-${seed}`.replaceAll(/\W/g, '-'));
  mkdirSync(run, { recursive: true });
  const provenance = { firmware: { commit: 'abcdef0123456' } };
  writeFileSync(join(run, 'run.json'), JSON.stringify({ provenance }));
  const events = accuracies.map((accuracy, index) => ({
    type: 'epoch',
    epoch: index - 1,
    images: 1000,
    accuracy,
    imageSet,
  }));
  const lines = [{ type: 'memory' }, ...events].map((event) => JSON.stringify(event));
  writeFileSync(join(run, 'metrics.jsonl'), `${lines.join('\n')}\n`);
  return { label, run, place: 'simulated' };
}

function draw(sessions: unknown[]) {
  const sweep = join(scratch, 'sweep.json');
  writeFileSync(sweep, JSON.stringify({ sessions, failed: [] }));
  return spawnSync(process.execPath, [script, sweep, picture], { encoding: 'utf8' });
}

it('has a line for each session, a mean for each group, and says where it was measured', () => {
  const { status, stderr } = draw([
    session('PRIOT, <new> images', 0, [0.5, 0.9, 0.92]),
    session('PRIOT, <new> images', 1, [0.5, 0.8, 0.94]),
    session('NITI, upright images', 0, [0.5, 0.7, 0.1]),
    session('NITI, upright images', 1, [0.5, 0.6, 0.2]),
  ]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const svg = readFileSync(picture, 'utf8');
  expect(svg.match(/<polyline class="[a-z ]+mean"/g)).toHaveLength(2);
  expect(svg.match(/<polyline/g)).toHaveLength(6);
  expect(svg).toContain('>PRIOT: 93.0 %<');
  expect(svg).toContain('>&#60;new&#62; images<');
  expect(svg).toContain('>NITI: 15.0 %<');
  expect(svg).toContain('simulated, commit abcdef0');
});

it('is not drawn from accuracies over different images, or with an epoch missing', () => {
  const label = 'PRIOT, other images';
  const { status, stderr } = draw([session(label, 0, [0.5, 0.9]), session(label, 1, [0.5, 0.9], 'mnist test 0..9999')]);
  expect(status).not.toBe(0);
  expect(stderr).toContain('differ in images');
  const missing = session(label, 2, [0.5, 0.9, 0.9]);
  const metrics = join(missing.run, 'metrics.jsonl');
  writeFileSync(metrics, readFileSync(metrics, 'utf8').replace(/^.*"epoch":0.*\n/m, ''));
  expect(draw([missing]).stderr).toContain('no evaluation of epoch 0');
});
