/** Times a piece of work that takes well under a second. */

const MEASURED_MS = 400;
const WARM_UP_MS = 100;

/** How often a second `work` can be done, in processor time of this process; the first tenth of a second is not counted. */
export function repeatFor(work: () => void): number {
  repeat(work, WARM_UP_MS);
  const start = process.cpuUsage();
  const count = repeat(work, MEASURED_MS);
  const { user, system } = process.cpuUsage(start);
  return (count / (user + system)) * 1e6;
}

function repeat(work: () => void, ms: number): number {
  const endMs = performance.now() + ms;
  let count = 0;
  while (performance.now() < endMs) {
    work();
    count += 1;
  }
  return count;
}
