/** The package as its users get it: packed, installed into an empty folder, run with node and nothing else at hand. */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

let temporary: string;
let folder: string;
let environment: NodeJS.ProcessEnv;

/** Where the shell would find a program. */
function which(program: string): string {
  const found = (process.env.PATH ?? '').split(delimiter).find((each) => existsSync(join(each, program)));
  if (found === undefined) throw new Error(`${program} is not in PATH`);
  return join(found, program);
}

async function npx(...args: string[]): Promise<unknown> {
  const { stdout } = await run(which('npx'), ['--no-install', 'priot', ...args], { cwd: folder, env: environment });
  return JSON.parse(stdout);
}

/** Starts the program that npx finds, without the second that npx takes to find it. */
async function priot(...args: string[]): Promise<unknown> {
  const { stdout } = await run(join(folder, 'node_modules/.bin/priot'), args, { cwd: folder, env: environment });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  temporary = mkdtempSync(join(tmpdir(), 'priot-package-'));
  folder = join(temporary, 'empty');
  const programs = join(temporary, 'bin');
  for (const each of [folder, programs]) mkdirSync(each);
  for (const program of ['node', 'npm', 'npx', 'sh']) symlinkSync(which(program), join(programs, program));
  // npx, which may have started this, hands its own settings down in npm_… variables
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|PRIOT_|PICO_)/i.test(name));
  environment = { ...Object.fromEntries(inherited), PATH: programs, XDG_CACHE_HOME: join(temporary, 'cache') };

  // dist/ is built: running prepack would take it away from the tests beside this one
  const pack = ['pack', '--ignore-scripts', '--pack-destination', temporary];
  const { stdout } = await run(which('npm'), pack, { cwd: root, env: environment });
  const tarball = join(temporary, stdout.trim().split('\n').at(-1) ?? '');
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--prefix', folder, tarball];
  await run(which('npm'), install, { cwd: folder, env: environment });
}, 180_000);

afterAll(() => rmSync(temporary, { recursive: true, force: true }));

test('holds what runs and what its licences ask for, no by-products of the build, no path of this machine', () => {
  const installed = join(folder, 'node_modules/priot');
  const entries = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  const files = entries.filter((each) => statSync(join(installed, each)).isFile());
  const needed = [
    'NOTICE.md',
    'dist/firmware/priot.uf2',
    'dist/firmware/shimrom.bin',
    'dist/pretraining/pretraining.wasm',
    'dist/simulator/priot.wasm',
    'models/tiny-cnn-mnist/weights.bin',
    'models/architectures/tiny-cnn.json',
    'test/conformance/priot-45/case.json',
  ];
  expect(files).toEqual(expect.arrayContaining(needed));
  expect(files.filter((each) => /(?<!\.d)\.ts$|\.(map|c|h|tgz)$/.test(each))).toEqual([]);
  const ofThisMachine = ['firmware', 'build', '.toolchain'].map((each) => join(root, each));
  const leaks = (path: string) => ofThisMachine.some((each) => readFileSync(join(installed, path)).includes(each));
  expect(files.filter(leaks)).toEqual([]);
});

test('npx priot verify replays every case on the simulator', async () => {
  const report = (await npx('verify', '--device', 'simulator', '--json')) as { cases: { match: boolean }[] };
  expect(report).toMatchObject({ place: 'simulated' });
  expect(report.cases.length).toBeGreaterThanOrEqual(10);
  expect(report.cases.filter((each) => !each.match)).toEqual([]);
});

test('priot train trains on the emulated Pico, and ends as the simulator does', async () => {
  const asked = ['--dataset', 'digits', '--samples', '8', '--epochs', '1', '--eval-samples', '8', '--json'];
  const emulated = (await priot('train', '--device', 'emulator', ...asked, '--out', 'emulated')) as TrainingReport;
  expect(emulated).toMatchObject({ place: 'emulated', steps: 8 });
  expect(emulated.cyclesPerStep?.min).toBeGreaterThan(0);
  expect(readdirSync(join(folder, 'emulated'))).toEqual(expect.arrayContaining(['metrics.jsonl', 'run.json']));
  const simulated = (await priot('train', '--device', 'simulator', ...asked, '--out', 'simulated')) as TrainingReport;
  expect(simulated).toMatchObject({ place: 'simulated', steps: 8, cyclesPerStep: null });
  expect(simulated.stateDigest).toBe(emulated.stateDigest);
}, 120_000);

/** A user's program: it type-checks in the strictest way, without looking away from the package's own types. */
const program = `import { PriotError, readRun, type RunSummary, train, type TrainOptions } from 'priot';

const options: TrainOptions = { device: 'simulator', dataset: 'digits', samples: 8, epochs: 1, evalSamples: 8, out: 'typed' };
const accuracies: number[] = [];
const summary: RunSummary = await train(options, {
  onEvent(event) {
    if (event.type === 'epoch') accuracies.push(event.accuracy);
  },
});
const { manifest } = readRun('typed');
// @ts-expect-error: an angle is a number
const refused = await train({ angle: '45' }).catch((error: unknown) => error instanceof PriotError && error.code);
console.log(JSON.stringify({ stateDigest: summary.stateDigest, method: manifest.asked.method, accuracies, refused }));
`;

test('a TypeScript program against the installed package type-checks, and train ends as priot train does', async () => {
  const project = join(folder, 'typed-program');
  mkdirSync(project);
  writeFileSync(join(project, 'program.mts'), program);
  const compilerOptions = {
    ...{ target: 'ES2023', module: 'NodeNext', strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
    ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')], outDir: '.' },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.mts'] }));
  const tsc = join(root, 'node_modules/typescript/lib/tsc.js');
  await run(process.execPath, [tsc, '-p', project]).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
  const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: project, env: environment });
  const { stateDigest, ...rest } = JSON.parse(stdout);
  expect(rest).toMatchObject({ method: 'priot', refused: 'OPTION_REFUSED' });
  expect(rest.accuracies).toHaveLength(2);
  // as the run of the test before, which priot train made of the same options
  const { summary } = JSON.parse(readFileSync(join(folder, 'simulated/run.json'), 'utf8'));
  expect(stateDigest).toBe(summary.stateDigest);
}, 120_000);

interface TrainingReport {
  stateDigest: string;
  cyclesPerStep: { min: number } | null;
}
