/** `priot fleet`: what is on a queue, and who works on it. */
import type { Command } from 'commander';
import { type FleetOptions, fleetOptions } from '../options/other.js';
import type { FleetDocument } from '../sessions/fleet-document.js';
import { addOptions, jsonOption, type TerminalOptions } from './command-options.js';

/** Failures that are listed before it says how many more there are. */
const MOST_LISTED = 20;

export function register(program: Command): void {
  const command = program
    .command('fleet')
    .description('list workers, boards and sessions of a queue, with why sessions failed; have them tried again');
  addOptions(command, fleetOptions);
  command.addOption(jsonOption()).action(fleetCommand);
}

async function fleetCommand({ json, ...options }: FleetOptions & TerminalOptions): Promise<void> {
  const { fleet } = await import('../sessions/fleet.js');
  const { runVerb } = await import('./run-verb.js');
  const { formatRows } = await import('../table.js');
  const { oneLine } = await import('./terminal.js');
  await runVerb(
    { ...(json && { json }) },
    'stopping',
    (context) => fleet(options, context),
    (document) => lines(document, formatRows).map(oneLine),
  );
}

type FormatRows = (rows: readonly (readonly string[])[], numeric: readonly number[]) => string[];

function lines(document: FleetDocument, formatRows: FormatRows): string[] {
  const { workers, cells, failures, retried, forgotten, queue } = document;
  const count = (state: string) => cells.filter((cell) => cell.state === state).length;
  const states = ['waiting', 'training', 'done', 'failed'].map((state) => `${count(state)} ${state}`);
  const boards = workers.flatMap((worker) =>
    worker.boards.map((board) => [
      worker.id,
      worker.live ? 'live' : `silent for ${worker.silentSeconds} s`,
      worker.labels.join(',') || '-',
      board.device,
      board.place ?? '-',
      board.boardId ?? '-',
      board.state === 'lost' ? `lost: ${board.cause ?? ''}` : board.state,
      board.job ?? '-',
      board.steps ? `${board.step ?? 0}/${board.steps}` : '-',
    ]),
  );
  const head = ['worker', 'seen', 'labels', 'device', 'place', 'board', 'state', 'session', 'step'];
  const refusals = workers.flatMap(({ id, refusals }) =>
    refusals.map(({ group, why }) => `${id} refuses ${group}: ${why}`),
  );
  const failed = failures.slice(0, MOST_LISTED).map(({ cell, message, worker, device, tries, final }) => {
    const again = final ? '' : ', is tried again';
    return `failed${again}: ${cell} by ${worker}/${device}, try ${tries}: ${message}`;
  });
  return [
    `${queue}: ${states.join(', ')}`,
    ...(retried.length > 0 ? [`tried again: ${retried.join(', ')}`] : []),
    ...(forgotten > 0 ? [`${forgotten} results forgotten`] : []),
    ...(boards.length > 0 ? formatRows([head, ...boards], []) : ['no worker is on the queue']),
    ...refusals,
    ...failed,
    ...(failures.length > MOST_LISTED ? [`and ${failures.length - MOST_LISTED} more failures: --json`] : []),
  ];
}
