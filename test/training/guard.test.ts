import { describe, expect, it } from 'vitest';
import type { EvaluationCount } from '#host/training/evaluation.js';
import { guardImages, isWholeNetwork, isWorthKeeping, judge, wholeNetwork } from '#host/training/guard.js';
import { InputImages } from '#host/training/input-images.js';

describe('what was learned', () => {
  it.each([
    // frozen wrong, learned wrong
    [1, 0, false], // one image is chance
    [2, 0, true],
    [0, 0, false],
    [0, 5, false],
    [3, 3, false],
    [14, 9, true], // 25 > 23
    [14, 10, false], // 16 < 24
    [68, 45, true],
    [45, 68, false],
  ])('with %i wrong before and %i after is kept: %s', (frozenWrong, learnedWrong, kept) => {
    expect(isWorthKeeping(frozenWrong, learnedWrong)).toBe(kept);
  });

  it('is judged on a tenth of the images, none of fewer than ten', () => {
    expect([0, 9, 10, 128, 1024].map(guardImages)).toEqual([0, 0, 1, 12, 102]);
  });

  it('is the whole network when no score ever fell', () => {
    const whole = wholeNetwork(5);
    expect(isWholeNetwork(whole)).toBe(true);
    whole[3] = 126;
    expect(isWholeNetwork(whole)).toBe(false);
  });

  it('is judged by the last counts of both networks; events in between are handed on', async () => {
    const set = {
      ...{ name: 'left out', count: 20, height: 1, width: 1, channels: 1, classes: 2 },
      ...{ pixels: new Uint8Array(20), labels: new Uint8Array(20) },
    };
    async function* counts(frozen: boolean): AsyncGenerator<EvaluationCount | { type: 'fault' }> {
      yield { images: 1, correct: 1 };
      if (frozen) yield { type: 'fault' };
      yield { images: 20, correct: frozen ? 10 : 19 };
    }
    const events = [];
    for await (const event of judge(4, new InputImages(set, 0, 20, []), counts)) events.push(event);
    expect(events).toEqual([
      { type: 'fault' },
      { type: 'guard', epoch: 4, images: 20, frozen: 10, learned: 19, kept: true, imageSet: 'left out' },
    ]);
  });
});
