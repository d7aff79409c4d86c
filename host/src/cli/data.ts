/** `priot data`: bring data sets into the cache, and say which are where. */
import type { Command } from 'commander';
import { type FetchOptions, fetchOptions, type ListOptions, listOptions } from '../options/other.js';
import { addOptions, jsonOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const data = program.command('data').description('data sets: fetch them, list what is where');

  const fetch = data
    .command('fetch')
    .description('bring a data set into the cache, checksums verified; a download that was cut is continued')
    .argument('<name>', fetchOptions.name.help);
  addOptions(fetch, fetchOptions, ['name']);
  fetch.addOption(jsonOption()).action(fetchCommand);

  const list = data.command('list').description('the data sets, and where each would be read from');
  addOptions(list, listOptions);
  list.addOption(jsonOption()).action(listCommand);
}

async function fetchCommand(name: string, words: Omit<FetchOptions, 'name'> & TerminalOptions): Promise<void> {
  const { fetchData } = await import('../sessions/data.js');
  const { runVerb } = await import('./run-verb.js');
  const { json, ...options } = words;
  await runVerb(
    { json },
    'stopping; the same command continues where it stopped',
    (context) => fetchData({ ...options, name }, context),
    ({ dataset, changed, folder, train, test, files }) => [
      `${dataset}: ${changed ? 'now' : 'already'} in ${folder}: ${train} training and ${test} test images`,
      ...files.map((file) => `  ${file.sha256}  ${file.name}`),
      ...(options.cache === undefined ? [] : [`to use it: --data-dir ${options.cache}`]),
    ],
  );
}

async function listCommand({ json, ...options }: ListOptions & TerminalOptions): Promise<void> {
  const { listData } = await import('../sessions/data.js');
  const document = listData(options);
  if (json) {
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
    return;
  }
  for (const { name, title, licence, origin, folder, problem } of document.datasets) {
    const where =
      origin === null ? `not here; to get it: priot data fetch ${name}` : [origin, folder ?? ''].join(' ').trim();
    process.stdout.write(`${name.padEnd(8)} ${title}\n         ${problem ?? where}\n         licence: ${licence}\n`);
  }
  process.stdout.write(`cache: ${document.cache}\n`);
}
