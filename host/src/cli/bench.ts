/** `priot bench`: cycles per phase and per layer, cycles per multiply-accumulate, bytes of SRAM and flash. */
import { type Command, Option } from 'commander';
import type { ComparedFigure } from '../bench/comparison.js';
import { type BenchOptions, benchOptions } from '../options/measure.js';
import type { BenchDocument } from '../sessions/bench.js';
import type { TableStyle } from '../table.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program.command('bench').description('cycles and bytes of a training step, by layer and phase');
  addOptions(command, benchOptions);
  command
    .addOption(jsonOption())
    .addOption(new Option('--markdown', 'tables as Markdown').conflicts('json'))
    .addOption(quietOption())
    .action(benchCommand);
}

type BenchWords = BenchOptions & TerminalOptions & { markdown?: true };

async function benchCommand({ json, quiet, markdown, ...options }: BenchWords): Promise<void> {
  const { bench } = await import('../sessions/bench.js');
  const { formatReport } = await import('./text/bench.js');
  const { formatTable } = await import('../table.js');
  const { planText } = await import('./text/memory-plan.js');
  const { runVerb } = await import('./run-verb.js');
  const style: TableStyle = markdown ? 'markdown' : 'text';
  const { comparison = [] } = await runVerb<BenchDocument>(
    { json, quiet },
    'stopping',
    (context, display) =>
      bench(options, {
        ...context,
        onEvent(event) {
          if (event.type !== 'bench-plan') display.show(event);
          else if (!display.quiet) display.line(`${event.what}: ${planText(event.memory)}`);
        },
      }),
    (report) => {
      const { comparison } = report;
      if (comparison === undefined) return formatReport(report, style);
      const heading = style === 'markdown' ? ['', '### Beside the base', ''] : ['', 'Beside the base'];
      const head = ['method', 'kernels', 'figure', 'base', 'now', 'change', ''];
      return [...formatReport(report, style), ...heading, ...formatTable(head, comparison.map(comparisonRow), style)];
    },
  );
  await failIfGrown(comparison, options.tolerance ?? benchOptions.tolerance.default);
}

function comparisonRow({ method, kernels, figure, base, now, change, regressed }: ComparedFigure) {
  return [method, kernels, figure, base, now, percent(change), regressed ? 'grew' : ''];
}

/**
 * Fails when a figure has grown.
 * @throws FailedError BENCH_REGRESSION
 */
async function failIfGrown(compared: readonly ComparedFigure[], tolerance: number): Promise<void> {
  const regressed = compared.filter((figure) => figure.regressed);
  const [worst] = regressed.toSorted((a, b) => b.change - a.change);
  if (worst === undefined) return;
  const { FailedError } = await import('../errors.js');
  throw new FailedError(
    'BENCH_REGRESSION',
    `${regressed.length} of ${compared.length} figures grew by more than ${tolerance * 100} %; most: ${worst.figure} of ${worst.method} with ${worst.kernels}, ${percent(worst.change)}`,
  );
}

function percent(change: number): string {
  return `${change > 0 ? '+' : ''}${(change * 100).toFixed(2)} %`;
}
