/** Runs that differ in nothing but their seed, as one line of a chart. */
import type { RunRequest } from '../runs/run-manifest.js';
import type { ReportRun } from './report-run.js';

/** Runs of one setting. */
export interface RunGroup {
  /** What tells it from the other groups: the settings that differ, or the run's name. */
  readonly name: string;
  readonly runs: readonly ReportRun[];
}

/** Settings that do not decide what is learned. */
const ignored: ReadonlySet<string> = new Set(['seed', 'device', 'dataDir', 'deviceCheckpoint']);

function settingsOf({ manifest }: ReportRun): [string, string][] {
  const { asked, place } = manifest;
  const entries = Object.entries(asked as RunRequest & Record<string, unknown>)
    .filter(([key]) => !ignored.has(key))
    .map(([key, value]): [string, string] => [key, String(value)]);
  return [...entries, ['place', place]];
}

/** Groups runs in the order in which they come; places stay apart. */
export function groupBySeed(runs: readonly ReportRun[]): RunGroup[] {
  const groups = new Map<string, ReportRun[]>();
  for (const run of runs) {
    const key = JSON.stringify(settingsOf(run).sort(([a], [b]) => (a < b ? -1 : 1)));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const lists = [...groups.values()];
  const settings = lists.map(([first]) => new Map(settingsOf(first!)));
  const names = new Set(settings.flatMap((one) => [...one.keys()]));
  const differing = [...names].filter((name) => new Set(settings.map((one) => one.get(name))).size > 1);
  return lists.map((list, index) => {
    const single = list.length === 1 && (lists.length === 1 || differing.length === 0 || differing.length > 4);
    const words = differing.map((name) => `${name} ${settings[index]!.get(name) ?? '-'}`).join(', ');
    return { name: single || words === '' ? list[0]!.name : words, runs: list };
  });
}
