/** `priot plan`: what a network needs of a device, with each method, before anything is trained. */
import type { Command } from 'commander';
import { type PlanOptions, planOptions } from '../options/network.js';
import type { DevicePlan, MethodPlan, PlanDocument } from '../sessions/plan.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('plan')
    .description('say whether a network fits a device: bytes by purpose and estimated cycles, for every method')
    .argument('<network>', planOptions.network.help);
  addOptions(command, planOptions, ['network']);
  command.addOption(jsonOption()).addOption(quietOption()).action(planCommand);
}

async function planCommand(
  network: string,
  { json, quiet, ...options }: Omit<PlanOptions, 'network'> & TerminalOptions,
): Promise<void> {
  const { plan } = await import('../sessions/plan.js');
  const { runVerb } = await import('./run-verb.js');
  await runVerb({ json, quiet }, 'stopping', (context) => plan({ ...options, network }, context), planLines);
}

/** Writes the document for people, within 80 columns. */
export function planLines({ network, layers, edges, biases, assumedShifts, devices }: PlanDocument): string[] {
  const size = `${network}: ${layers} layers, ${grouped(edges)} edges, ${biases === 0 ? 'no' : grouped(biases)} biases`;
  return [
    size,
    ...(assumedShifts ? ['it has no static shifts yet; those of common layers are assumed'] : []),
    ...devices.flatMap((device) => ['', ...deviceLines(device)]),
  ];
}

function deviceLines(device: DevicePlan): string[] {
  const { methods, clockHz, arenaBytes, place } = device;
  const row = (name: string, cell: (plan: MethodPlan) => number | string | null) => [
    name,
    ...methods.map((plan) => text(cell(plan))),
  ];
  const purposes = ['weights', 'state', 'activations', 'errors', 'other'] as const;
  const megahertz = clockHz === null ? 0 : clockHz / 1e6;
  const table = aligned([
    [`${device.device} (${place})`, ...methods.map(({ method }) => method)],
    row('fits', ({ fits }) => (fits ? 'yes' : 'NO')),
    row('bytes needed', ({ requiredBytes }) => requiredBytes),
    row('of', () => arenaBytes),
    ...purposes.map((purpose) => row(`  ${purpose}`, ({ arena }) => arena?.[purpose] ?? null)),
    row('bytes in flash', ({ flashBytes }) => flashBytes),
    ...(clockHz === null
      ? []
      : [
          row('estimated cycles', ({ estimatedCycles }) => estimatedCycles),
          row(`  ms at ${megahertz} MHz`, ({ estimatedCycles }) =>
            estimatedCycles === null ? null : ((estimatedCycles / clockHz) * 1e3).toFixed(1),
          ),
        ]),
  ]);
  const refused = methods.filter(({ fits, requiredBytes }) => !fits && requiredBytes === null);
  const estimate = methods.some(({ estimatedCycles }) => estimatedCycles !== null);
  return [
    ...table,
    ...(estimate ? ['cycles are those of a step that learns, estimated; priot bench measures them'] : []),
    ...refused.map(({ method, reason }) => `${method}: ${reason}`),
  ];
}

function text(cell: number | string | null): string {
  if (cell === null) return '-';
  return typeof cell === 'number' ? grouped(cell) : cell;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** Columns of one width each, the first to the left and the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const padded = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)));
  return rows.map((row) => padded(row).join('  '));
}
