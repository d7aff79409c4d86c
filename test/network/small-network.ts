/** A network that costs little wherever it runs: for tests of what is around it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Xorshift32 } from '#host/random.js';

const EDGES = { conv: 36, fc: 1440 };
const common = { below_threshold: 'zero' };

/**
 * Writes a network for images of 28x28 pixels in ten classes into a new folder: 1,476 edges with random weights, and
 * shifts that fit them.
 */
export function writeSmallNetwork(folder: string): string {
  const random = new Xorshift32(3);
  const weights = Int8Array.from({ length: EDGES.conv + EDGES.fc }, () => (random.next() % 161) - 80);
  const layers = [
    {
      ...{ name: 'conv', op: 'conv2d', in_shape: [28, 28, 1], out_channels: 4, kernel: 3, stride: 2, padding: 0 },
      ...{ pool: 2, relu: true, edges: EDGES.conv, weight_exponent: -4, ...common },
      shifts: { activation: 7, score: 13, gradient: 9 },
    },
    {
      ...{ name: 'fc', op: 'linear', in_features: 144, out_features: 10, relu: false, edges: EDGES.fc },
      ...{ weight_exponent: -9, ...common },
      shifts: { activation: 8, error: 5, score: 13, gradient: 9 },
    },
  ];
  mkdirSync(folder);
  writeFileSync(join(folder, 'network.json'), JSON.stringify({ input_exponent: -7, loss_shift: 4, layers }));
  writeFileSync(join(folder, 'weights.bin'), weights);
  return folder;
}
