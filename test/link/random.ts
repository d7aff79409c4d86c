/** Numbers in 0..1, the same for the same seed. */
export function xorshift(seed: number): () => number {
  let x = Math.imul(seed, 0x9e3779b1) >>> 0 || 1; // small seeds begin with small numbers otherwise
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x / 2 ** 32;
  };
}
