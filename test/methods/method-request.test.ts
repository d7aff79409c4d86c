import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadNetwork } from '#host/network/network-file.js';
import { drawScores } from '#host/random.js';
import { completeMethodRequest, setUpMethod } from '#host/training/method-request.js';
import { parseBudget, parsePermille } from '#host/training/score-budget.js';
import { drawScoresAndSelection, selectByTrial, selectLargestWeights } from '#host/training/scored-edges.js';

const { network } = loadNetwork(join(import.meta.dirname, '../conformance/priot-45'));
const uneven = 'conv1=1,conv2=0.5,fc1=0.078,fc2=1';
const counts = (scored: Uint8Array) => {
  let offset = 0;
  return network.layers.map(({ edges }) => {
    offset += edges;
    return scored.subarray(offset - edges, offset).reduce((sum, flag) => sum + flag, 0);
  });
};

describe("a method's defaults", () => {
  it.each([
    [{ method: 'priot' }, { calibrate: 'transfer', mu: 5, threshold: -64 }],
    [
      { method: 'priot', calibrate: 'none' },
      { calibrate: 'none', threshold: -64 },
    ],
    [
      { method: 'priot', calibrate: 'source' },
      { calibrate: 'source', mu: 4, threshold: -64 },
    ],
    [
      { method: 'priot-s', budget: uneven },
      { calibrate: 'transfer', mu: 3, threshold: -32, select: 'magnitude' },
    ],
    [{ method: 'priot-s', budget: 'conv1=0,conv2=0,fc1=0.3,fc2=0' }, { mu: 4 }],
    [
      { method: 'priot-s', scored: 200 },
      { calibrate: 'transfer', mu: 4, threshold: -32, select: 'magnitude' },
    ],
    [
      { method: 'priot', variant: 'steady' },
      { mu: 5, threshold: -64, belowThreshold: 'negate:fc1', lastErrorCorrection: -2 },
    ],
    [
      { method: 'priot', variant: 'steady', mu: 6, belowThreshold: 'zero', lastErrorCorrection: -1 },
      { mu: 6, belowThreshold: 'zero', lastErrorCorrection: -1 },
    ],
    [
      { method: 'priot-s', variant: 'steady', calibrate: 'source' },
      { mu: 5, threshold: -32, select: 'trial', belowThreshold: 'negate:fc1', lastErrorCorrection: -2 },
    ],
    [{ method: 'niti-static' }, { calibrate: 'transfer', mu: 4 }],
    [{ method: 'niti-dynamic' }, { mu: 3 }],
  ] as const)('%j', (asked, defaults) => {
    const complete = completeMethodRequest(asked, network);
    expect(complete).toMatchObject(defaults);
    expect(completeMethodRequest(complete, network)).toEqual(complete);
  });

  it.each([
    [{ method: 'priot', calibrate: 'none', mu: 4 }, 'OPTIONS_CONFLICT', '--mu and --calibrate none'],
    [
      { method: 'priot', calibrate: 'none', firstScoreCorrection: 0 },
      'OPTIONS_CONFLICT',
      '--first-score-correction and --calibrate none',
    ],
    [{ method: 'niti-static', firstScoreCorrection: 0 }, 'OPTION_OF_ANOTHER_METHOD', 'belongs to priot, priot-s'],
    [{ method: 'priot', scored: 100 }, 'OPTION_OF_ANOTHER_METHOD', 'belongs to priot-s'],
    [{ method: 'niti-static', threshold: 0 }, 'OPTION_OF_ANOTHER_METHOD', 'belongs to priot, priot-s'],
    [{ method: 'niti-dynamic', calibrate: 'source' }, 'OPTION_OF_ANOTHER_METHOD', '--calibrate'],
    [{ method: 'priot-s', scored: 100, budget: uneven }, 'OPTIONS_CONFLICT', '--scored and --budget'],
    [{ method: 'priot-s', budget: 'fc1=0.1' }, 'BUDGET_MALFORMED', 'conv1, conv2, fc2'],
    [{ method: 'priot-s', budget: `${uneven},fc9=1` }, 'BUDGET_MALFORMED', 'fc9'],
    [{ method: 'priot-s', budget: uneven.replace('0.5', '0.0005') }, 'BUDGET_MALFORMED', 'conv2=0.0005'],
  ] as const)('%j is refused', (asked, code, message) => {
    let error: unknown;
    try {
      completeMethodRequest(asked, network);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code, class: 'usage' });
    expect(`${(error as Error).message} ${(error as { remedy: string }).remedy}`).toContain(message);
  });
});

describe('a budget of scores', () => {
  it('is in permille', () => {
    expect(['1', '0', '0.078', '.5', '1.000', '0.1'].map(parsePermille)).toEqual([1000, 0, 78, 500, 1000, 100]);
    expect(['1.001', '2', '-1', '0.0001', '', 'x', '1e-1'].map(parsePermille)).toEqual(Array(7).fill(undefined));
  });

  it('spreads a share evenly, or by the square root of the edges', () => {
    expect(parseBudget(network, 'uniform', 100)).toEqual([100, 100, 100, 100]);
    // square roots 8.5, 33.9, 224 and 25.3 of 5,204 edges; conv1 has 72, and the others share what is left
    expect(parseBudget(network, 'auto', 100)).toEqual([1000, 533, 80, 715]);
    expect(parseBudget(network, 'auto', 10)).toEqual([208, 52, 7, 70]);
    expect(parseBudget(network, 'auto', 1000)).toEqual([1000, 1000, 1000, 1000]);
  });

  it('selects the edges of largest weight, as many as the conformance case has', () => {
    const request = completeMethodRequest({ method: 'priot-s', budget: uneven }, network);
    const { settings, initialState } = setUpMethod(request, network, 3);
    expect(counts(settings.scored!)).toEqual([72, 576, 3913, 640]);
    expect(initialState.every((score, edge) => score === (settings.scored![edge] === 1 ? 0 : 127))).toBe(true);
    const kept = network.weights.filter((_, edge) => settings.scored![edge] === 1).subarray(72 + 576, 72 + 576 + 3913);
    const left = network.weights.subarray(1224, 1224 + 50176).filter((_, edge) => settings.scored![1224 + edge] === 0);
    const least = kept.reduce((least, weight) => Math.min(least, Math.abs(weight)), 127);
    expect(left.every((weight) => Math.abs(weight) <= least)).toBe(true);
  });

  it('selects the edges whose scores fell most in a trial, then those of largest weight, then the lower ones', () => {
    const weights = Int8Array.of(5, -9, 9, 1, 3, 3);
    const fallen = Int8Array.of(0, 0, 0, 40, 0, 2);
    expect([...selectByTrial(fallen, weights, [4, 2], [500, 500])]).toEqual([0, 1, 0, 1, 0, 1]);
    expect(selectByTrial(new Int8Array(6), weights, [4, 2], [500, 500])).toEqual(
      selectLargestWeights(weights, [4, 2], [500, 500]),
    );
  });

  it('selects random edges by the seed', () => {
    const request = completeMethodRequest({ method: 'priot-s', scored: 100, select: 'random' }, network);
    const setup = setUpMethod(request, network, 3);
    const edges = network.layers.map((layer) => layer.edges);
    expect(setup.settings.scored).toEqual(drawScoresAndSelection(edges, [100, 100, 100, 100], 3).scored);
    expect(setUpMethod(request, network, 4).settings.scored).not.toEqual(setup.settings.scored);
  });
});

describe('what a session starts from', () => {
  it('is drawn scores for priot, the weights for niti', () => {
    const edges = network.layers.map((layer) => layer.edges);
    const setUp = (method: 'priot' | 'niti-static' | 'niti-dynamic') =>
      setUpMethod(completeMethodRequest({ method }, network), network, 7);
    expect(setUp('priot').initialState).toEqual(drawScores(edges, 7));
    expect(setUp('niti-static').initialState).toEqual(network.weights);
    expect(setUp('niti-dynamic').settings).toMatchObject({ method: 'niti-dynamic', mu: 3 });
  });

  it('is the whole network for the steady variant: no score is below the threshold', () => {
    const request = completeMethodRequest({ method: 'priot', variant: 'steady' }, network);
    const { initialState } = setUpMethod(request, network, 7);
    const drawn = drawScores(
      network.layers.map((layer) => layer.edges),
      7,
    );
    expect(initialState.every((score, edge) => score === Math.max(-64, drawn[edge]!))).toBe(true);
    expect(drawn.some((score) => score < -64)).toBe(true);
  });

  it('has the rule for edges below the threshold', () => {
    const rules = (belowThreshold: string) =>
      setUpMethod({ method: 'priot', belowThreshold }, network, 0).network.layers.map((layer) => layer.belowThreshold);
    expect(rules('negate:fc1')).toEqual(['zero', 'zero', 'negate', 'zero']);
    expect(rules('negate')).toEqual(Array(4).fill('negate'));
  });
});
