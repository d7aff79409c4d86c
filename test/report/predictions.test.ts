import { expect, test } from 'vitest';
import { InputImages } from '#host/training/input-images.js';
import { Predictions } from '#host/training/predictions.js';

const pixels = Uint8Array.from({ length: 3 * 4 }, (_, index) => index * 20);
const set = {
  name: 'squares',
  height: 2,
  width: 2,
  channels: 1,
  count: 3,
  pixels,
  labels: Uint8Array.of(1, 0, 2),
} as ConstructorParameters<typeof InputImages>[0];

test('predictions are counted by class, and wrong images are kept as the network saw them', () => {
  const predictions = new Predictions(new InputImages(set, 0, 3, []), 3);
  for (const prediction of [1, 2, 2]) predictions.add(prediction);
  expect(predictions.confusion(4)).toEqual({
    type: 'confusion',
    epoch: 4,
    images: 3,
    imageSet: 'squares',
    counts: [
      [0, 0, 1],
      [0, 1, 0],
      [0, 0, 1],
    ],
  });
  const { examples } = predictions.mistakes(4);
  expect(examples.map(({ index, label, prediction }) => [index, label, prediction])).toEqual([[1, 0, 2]]);
  // 80, 100, 120, 140, halved
  expect([...Buffer.from(examples[0]!.pixels, 'base64')]).toEqual([40, 50, 60, 70]);
});

test('the images with the largest margins are kept, and the first of equal ones', () => {
  const many = { ...set, count: 40, pixels: new Uint8Array(160), labels: new Uint8Array(40) };
  const predictions = new Predictions(new InputImages(many, 0, 40, []), 2);
  const margins = Array.from({ length: 40 }, (_, index) => (index * 7) % 20);
  for (const margin of margins) predictions.add(1, [5, 5 + margin]);
  const { examples } = predictions.mistakes(0);
  const expected = margins.map((margin, index) => ({ margin, index })).sort((a, b) => b.margin - a.margin);
  expect(examples.map(({ margin, index }) => ({ margin, index }))).toEqual(expected.slice(0, 24));
});

test('without logits, the first wrong images are kept and their margin is absent', () => {
  const predictions = new Predictions(new InputImages(set, 0, 3, []), 3);
  for (const prediction of [2, 2, 2]) predictions.add(prediction, []);
  expect(predictions.mistakes(0).examples.map(({ index, margin }) => [index, margin])).toEqual([
    [0, null],
    [1, null],
  ]);
});

test('at most 24 images are kept', () => {
  const many = { ...set, count: 100, pixels: new Uint8Array(400), labels: new Uint8Array(100) };
  const predictions = new Predictions(new InputImages(many, 0, 100, []), 2);
  for (let index = 0; index < 100; index += 1) predictions.add(1);
  expect(predictions.mistakes(0).examples).toHaveLength(24);
});
