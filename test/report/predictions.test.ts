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

test('at most 24 images are kept', () => {
  const many = { ...set, count: 100, pixels: new Uint8Array(400), labels: new Uint8Array(100) };
  const predictions = new Predictions(new InputImages(many, 0, 100, []), 2);
  for (let index = 0; index < 100; index += 1) predictions.add(1);
  expect(predictions.mistakes(0).examples).toHaveLength(24);
});
