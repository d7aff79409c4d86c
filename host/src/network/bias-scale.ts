/** Where biases stand among the sums they are added to (docs/arithmetic.md, "Biases"). */
import { DataError } from '../errors.js';
import type { NetworkLayer } from './network.js';
import { INPUT_EXPONENT } from './network-file.js';

/** With static shifts a bias is at most shifted so far to the right, as 30, and to the left, as 14. */
const LOWEST_SHIFT = -30;
const HIGHEST_SHIFT = 14;

/**
 * Returns by how much each layer's biases are shifted to the left to stand at the scale of its sums; undefined for a layer
 * without biases. Layers must have static shifts.
 */
export function biasShifts(layers: readonly NetworkLayer[], inputExponent = INPUT_EXPONENT): (number | undefined)[] {
  let input = inputExponent;
  return layers.map(({ weightExponent, biasExponent, shifts }) => {
    const sums = input + weightExponent;
    input = sums + (shifts?.activation ?? 0);
    return biasExponent === undefined ? undefined : biasExponent - sums;
  });
}

/** Checks that static shifts leave every bias where the arithmetic reaches. @throws DataError BIAS_OUT_OF_SCALE */
export function checkBiasScales(layers: readonly NetworkLayer[], inputExponent?: number): void {
  for (const [index, shift] of biasShifts(layers, inputExponent).entries()) {
    if (shift === undefined || (shift >= LOWEST_SHIFT && shift <= HIGHEST_SHIFT)) continue;
    const { name, biasExponent } = layers[index]!;
    throw new DataError(
      'BIAS_OUT_OF_SCALE',
      `layer ${name}: bias_exponent ${biasExponent} is ${Math.abs(shift)} ${shift < 0 ? 'below' : 'above'} the exponent of its sums; ${shift < 0 ? -LOWEST_SHIFT : HIGHEST_SHIFT} is the most`,
      'write the biases with an exponent nearer to that of the sums',
    );
  }
}
