/** The case `priot-steady`, made anew by the reference, and the host's calibration on the case's images. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ImageSet } from '#host/dataset/image-set.js';
import { observeShifts } from '#host/network/calibration.js';
import { loadCase } from '#host/network/conformance-case.js';
import { completeMethodRequest, setUpMethod } from '#host/training/method-request.js';
import { makeSteadyCase } from './steady-case.js';

const folder = join(import.meta.dirname, '../conformance/priot-steady');
const stored = loadCase(folder);
const made = makeSteadyCase();

it('is what the reference makes of the specification', () => {
  expect(stored.network.layers).toEqual(made.network.layers);
  expect(stored.network.weights).toEqual(made.network.weights);
  expect(stored.images.map((image) => Uint8Array.from(image))).toEqual(made.images);
  expect(stored.stateInitial).toEqual(made.initialState);
  expect(stored.stateFinal).toEqual(made.finalState);
  // the debugging checksums as well, which a case is not loaded with
  const { steps } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'));
  expect(JSON.parse(JSON.stringify(made.steps))).toEqual(steps);
});

it('has the shifts, the scores and the rule that the host chooses for a session of that network and seed', async () => {
  const frozen = {
    ...stored.network,
    layers: stored.network.layers.map(({ shifts: _, ...layer }) => ({ ...layer, belowThreshold: 'zero' as const })),
  };
  const request = completeMethodRequest({ method: 'priot', variant: 'steady' }, frozen);
  const { mu, lastErrorCorrection } = request;
  const set: ImageSet = {
    ...{ name: 'case', count: stored.images.length, height: 8, width: 8, channels: 1, classes: 8 },
    // networks see half of what a pixel is
    ...{ pixels: Uint8Array.from(made.images.flatMap((image) => [...image].map((value) => 2 * value))) },
    ...{ labels: Uint8Array.from(made.labels) },
  };
  const calibration = await observeShifts(frozen, { set, first: 0, count: set.count, shifts: [] });
  const shifts = calibration.shifts({
    scoreMu: mu!,
    gradientMu: mu!,
    largestLoss: true,
    lastErrorCorrection: lastErrorCorrection!,
  });
  expect(shifts.map(({ gradient: _, ...shift }) => shift)).toEqual(stored.network.layers.map((layer) => layer.shifts));
  const { network, initialState } = setUpMethod(request, frozen, 14);
  expect(initialState).toEqual(stored.stateInitial);
  expect(network.layers.map((layer) => layer.belowThreshold)).toEqual(
    stored.network.layers.map((layer) => layer.belowThreshold),
  );
});
