/** How many cases of a large set the tests take: `make test` a slice that has each behaviour, `make soak` all of them. */

/** Whether all cases are taken. */
export const exhaustive = process.env.PRIOT_TESTS === 'all';

/** Returns how many of `all` cases are taken: all, or `slice` of them. */
export function howMany(all: number, slice: number): number {
  return exhaustive ? all : slice;
}

/** Returns whether the case of this index is taken: in a slice, every `step`th is. */
export function isTaken(index: number, step: number): boolean {
  return exhaustive || index % step === 0;
}
