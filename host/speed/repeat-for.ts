/** Times a piece of work that takes well under a second. */

const MEASURED_MS = 400;
const WARM_UP_MS = 100;

/** Returns how often per second of this process's processor time `work` can be done; the first 0.1 s is not counted. */
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
