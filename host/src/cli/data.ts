/** `priot data`: bring data sets into the cache, and say which are where. */

import type { Command } from 'commander';
import { dataDirOption, jsonOption } from './options.js';

interface FetchFlags {
  from?: string;
  cache?: string;
  json?: true;
}

interface ListFlags {
  dataDir?: string;
  cache?: string;
  json?: true;
}

export function register(program: Command): void {
  const data = program.command('data').description('data sets: fetch them, list what is where');

  data
    .command('fetch')
    .description('bring a data set into the cache, checksums verified; a download that was cut is continued')
    .argument('<name>', 'mnist or cifar10')
    .option('--from <folder>', 'take the files (plain or .gz) from this folder instead of the network')
    .option('--cache <folder>', 'cache folder (default: $XDG_CACHE_HOME/priot, else ~/.cache/priot)')
    .addOption(jsonOption())
    .action(fetchCommand);

  data
    .command('list')
    .description('the data sets, and where each would be read from')
    .addOption(dataDirOption())
    .option('--cache <folder>', 'cache folder (default: $XDG_CACHE_HOME/priot, else ~/.cache/priot)')
    .addOption(jsonOption())
    .action(listCommand);
}

async function fetchCommand(name: string, flags: FetchFlags): Promise<void> {
  const { UsageError } = await import('../errors.js');
  if (name === 'digits') {
    throw new UsageError('NOTHING_TO_FETCH', 'digits is built in: there is nothing to fetch', 'use --dataset digits');
  }
  if (name !== 'mnist' && name !== 'cifar10') {
    throw new UsageError('UNKNOWN_DATASET', `no data set is called ${name}`, 'choose mnist or cifar10');
  }
  const { describeDataset } = await import('../dataset/description.js');
  const { fetchDataset } = await import('../dataset/fetch-dataset.js');
  const { defaultCacheDir } = await import('../dataset/locate.js');
  const { showDownloads } = await import('./download-progress.js');

  const { listenForInterruption } = await import('./interruption.js');

  const interruption = listenForInterruption('stopping; the same command continues where it stopped');
  const display = showDownloads();
  try {
    const { location, changed, contents } = await fetchDataset(describeDataset(name), {
      cacheDir: flags.cache ?? defaultCacheDir(process.env),
      from: flags.from,
      environment: process.env,
      signal: interruption.signal,
      onProgress: display.update,
    });
    display.end();
    const { train, test, files } = contents;
    if (flags.json) {
      const document = { dataset: name, folder: location.folder, changed, train: train.count, test: test.count, files };
      process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
      return;
    }
    const lines = [
      `${name}: ${changed ? 'now' : 'already'} in ${location.folder}: ${train.count} training and ${test.count} test images`,
      ...files.map((file) => `  ${file.sha256}  ${file.name}`),
    ];
    if (flags.cache !== undefined) lines.push(`to use it: --data-dir ${flags.cache}`);
    process.stdout.write(`${lines.join('\n')}\n`);
  } finally {
    display.end();
    interruption.dispose();
  }
}

async function listCommand(flags: ListFlags): Promise<void> {
  const { PriotError } = await import('../errors.js');
  const { describeDataset } = await import('../dataset/description.js');
  const { defaultCacheDir, locateDataset } = await import('../dataset/locate.js');

  const cacheDir = flags.cache ?? defaultCacheDir(process.env);
  const files = (['mnist', 'cifar10'] as const).map((name) => {
    const description = describeDataset(name);
    const { title, licence, homepage } = description;
    try {
      const location = locateDataset(description, { dataDir: flags.dataDir, cacheDir });
      return {
        name,
        title,
        licence,
        homepage,
        origin: location?.origin ?? null,
        folder: location?.folder ?? null,
        files: location ? [...location.paths.values()] : [],
        problem: null,
      };
    } catch (error) {
      // One damaged copy does not hide the others; a wrong --data-dir concerns them all.
      if (!(error instanceof PriotError) || error.code === 'NO_SUCH_FOLDER') throw error;
      return { name, title, licence, homepage, origin: null, folder: null, files: [], problem: error.message };
    }
  });
  const { title, licence, homepage } = describeDataset('digits');
  const digits = {
    name: 'digits',
    title,
    licence,
    homepage,
    origin: 'generated',
    folder: null,
    files: [],
    problem: null,
  };
  const datasets = [...files, digits];
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ cache: cacheDir, datasets }, undefined, 2)}\n`);
    return;
  }
  for (const { name, title, licence, origin, folder, problem } of datasets) {
    const where =
      origin === null ? `not here; to get it: priot data fetch ${name}` : [origin, folder ?? ''].join(' ').trim();
    process.stdout.write(`${name.padEnd(8)} ${title}\n         ${problem ?? where}\n         licence: ${licence}\n`);
  }
  process.stdout.write(`cache: ${cacheDir}\n`);
}
