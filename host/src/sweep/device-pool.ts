/** Runs jobs on a pool of devices, one at a time on each. */

/** Why a device takes no more jobs; the job it had goes to another. */
export class DeviceRetired extends Error {}

export interface PooledDevice<Job> {
  readonly name: string;
  /** Runs one job to its end. Rejects with DeviceRetired when the device is gone; must not reject otherwise. */
  run(job: Job): Promise<void>;
}

/**
 * Runs all jobs, in order as devices become free, until they are done, `signal` aborts (jobs under way end in their own
 * way) or no device is left. Resolves to the jobs that did not run to their end.
 */
export async function runOnPool<Job>(
  jobs: Iterable<Job>,
  devices: readonly PooledDevice<Job>[],
  signal: AbortSignal,
  onRetired: (device: string, reason: Error) => void,
): Promise<Job[]> {
  const queue = [...jobs];
  await Promise.all(
    devices.map(async (device) => {
      while (!signal.aborted) {
        const job = queue.shift();
        if (job === undefined) return;
        try {
          await device.run(job);
        } catch (error) {
          if (!(error instanceof DeviceRetired)) throw error;
          queue.unshift(job);
          onRetired(device.name, error);
          return;
        }
      }
    }),
  );
  return queue;
}
