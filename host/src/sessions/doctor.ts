/** The checks of `priot doctor`. Each looks at one thing and says how it is. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { datasetNames } from '../dataset/dataset.js';
import { describeDataset } from '../dataset/description.js';
import { locateDataset } from '../dataset/locate.js';
import { flashOfImage } from '../device/emulator/image.js';
import { findBootselDrives } from '../device/serial/bootsel.js';
import { type FoundPort, findPorts } from '../device/serial/discovery.js';
import { openSerial } from '../device/serial/serial.js';
import { UDEV_RULE_NAME } from '../device/serial/udev-rule.js';
import { PriotError } from '../errors.js';
import { hexadecimal } from '../files.js';
import { Link, type LinkStatistics } from '../link/link.js';
import type { DeviceCheckpoint } from '../link/messages.js';
import { erasuresBy } from '../training/device-checkpoint.js';
import { packageDescription, packageRoot } from './package-files.js';

export interface Finding {
  /** What was looked at: `node`, `firmware image`, `/dev/ttyACM0`. */
  check: string;
  /** fail: something that is here does not work. warn: something that some tasks need is not here. */
  status: 'ok' | 'warn' | 'fail';
  text: string;
  /** The command that mends it. */
  remedy?: string;
}

const OLDEST_NODE = [20, 15] as const;
const UDEV_RULE_FOLDERS = ['/etc/udev/rules.d', '/usr/lib/udev/rules.d', '/lib/udev/rules.d'];
const INSTALL_UDEV_RULE =
  `priot doctor --udev-rule | sudo tee /etc/udev/rules.d/${UDEV_RULE_NAME} && ` +
  'sudo udevadm control --reload && sudo udevadm trigger';

/** Looks at everything, the slow things last. */
export async function* diagnose(): AsyncIterable<Finding> {
  yield checkNode(process.versions.node);
  yield* checkPackage(packageRoot);
  if (existsSync(join(packageRoot, 'Makefile'))) yield checkToolchain(process.env.PATH ?? '');
  yield* checkDatasets(process.env);
  if (process.platform === 'linux') yield await checkRights();
  const image = await readFile(join(packageRoot, FIRMWARE)).catch(() => undefined);
  yield* checkBoards(image && flashOfImage(image, FIRMWARE));
}

/**
 * Checks the version of Node.js.
 * @param version `20.15.1`
 */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  const recent = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  const text = `Node.js ${version}`;
  if (recent) return { check: 'node', status: 'ok', text };
  return {
    check: 'node',
    status: 'fail',
    text: `${text} is too old: ${OLDEST_NODE.join('.')} or newer is needed`,
    remedy: 'install a newer one: https://nodejs.org',
  };
}

const FIRMWARE = 'dist/firmware/priot.uf2';
const BUILT_FILES = [
  ['firmware image', FIRMWARE, 'make firmware'],
  ["emulator's boot ROM", 'dist/firmware/shimrom.bin', 'make firmware'],
  ['simulator', 'dist/simulator/priot.wasm', 'make simulator'],
] as const;

/**
 * Checks that the package is whole.
 * @param root the folder of package.json
 */
export function* checkPackage(root: string): Iterable<Finding> {
  const { version } = packageDescription();
  yield { check: 'package', status: 'ok', text: `priot ${version} in ${root}` };
  for (const [check, file, build] of BUILT_FILES) {
    if (existsSync(join(root, file))) yield { check, status: 'ok', text: file };
    else
      yield {
        check,
        status: 'fail',
        text: `${file} is missing`,
        remedy: `${build}; of an installed package: npm install priot`,
      };
  }
}

const PROGRAMS = ['arm-none-eabi-gcc', 'cmake', 'ninja', 'clang', 'wasm-ld', 'nanopb_generator.py'];

/**
 * Checks the programs that a build needs.
 * @param path as in $PATH
 */
export function checkToolchain(path: string): Finding {
  const folders = path.split(delimiter).filter(Boolean);
  const missing = PROGRAMS.filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
  if (missing.length === 0) return { check: 'toolchain', status: 'ok', text: PROGRAMS.join(', ') };
  return {
    check: 'toolchain',
    status: 'warn',
    text: `to build firmware and simulator, these are missing: ${missing.join(', ')}`,
    remedy: 'make setup',
  };
}

export function* checkDatasets(environment: NodeJS.ProcessEnv): Iterable<Finding> {
  for (const name of datasetNames) {
    if (name === 'digits') continue; // built in
    const check = `data set ${name}`;
    try {
      const found = locateDataset(describeDataset(name), { environment });
      if (found) yield { check, status: 'ok', text: `${found.folder} (${found.origin})` };
      else yield { check, status: 'warn', text: 'not on this machine yet', remedy: `priot data fetch ${name}` };
    } catch (error) {
      // A folder of other data sets is no fault.
      const absent = error instanceof PriotError && error.code === 'DATASET_NOT_FOUND';
      yield absent
        ? { check, status: 'warn', text: error.message, ...(error.remedy && { remedy: error.remedy }) }
        : failure(check, error);
    }
  }
}

/** May users of this Linux machine open a board's port? */
async function checkRights(): Promise<Finding> {
  const check = 'rights to serial ports';
  if (process.getuid?.() === 0) return { check, status: 'ok', text: 'root' };
  if (UDEV_RULE_FOLDERS.some((folder) => existsSync(join(folder, UDEV_RULE_NAME)))) {
    return { check, status: 'ok', text: `udev rule ${UDEV_RULE_NAME}` };
  }
  // dialout on Debian and Fedora, uucp on Arch
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const [, group = 'dialout', id] = groups.match(/^(dialout|uucp):[^:]*:(\d+):/m) ?? [];
  if (id !== undefined && process.getgroups?.().includes(Number(id))) {
    return { check, status: 'ok', text: `group ${group}` };
  }
  return {
    check,
    status: 'warn',
    text: `you are not in group ${group}, and there is no udev rule ${UDEV_RULE_NAME}`,
    remedy: `sudo usermod -aG ${group} $USER (then log in again), or: ${INSTALL_UDEV_RULE}`,
  };
}

async function* checkBoards(flash: Uint8Array | undefined): AsyncIterable<Finding> {
  let ports: FoundPort[];
  try {
    ports = await findPorts();
  } catch (error) {
    yield { ...failure('serial ports', error), status: 'warn' };
    return;
  }
  const text = ports.length === 0 ? 'none on USB; the emulator and the simulator need none' : `${ports.length} on USB`;
  yield { check: 'serial ports', status: 'ok', text };
  for (const port of ports) yield await checkPort(port, flash);
  for (const { folder, boardId } of await findBootselDrives()) {
    yield {
      check: folder,
      status: 'warn',
      text: `a board in its boot ROM (${boardId}), without firmware`,
      remedy: `priot flash --drive ${folder}`,
    };
  }
}

const OTHER_FIRMWARE = 'a Pico with other firmware';
/** Enough to show a bad cable. */
const LINE_REQUESTS = 50;

/**
 * Checks what answers behind a port.
 * @param flash with the package's own firmware in it: the board's commit is there when both are the same
 */
export async function checkPort({ path, fingerprint }: FoundPort, flash: Uint8Array | undefined): Promise<Finding> {
  const check = path;
  if (fingerprint === 'pico') {
    return { check, status: 'warn', text: OTHER_FIRMWARE, remedy: `priot flash --device ${path}` };
  }
  if (fingerprint === 'raspberry-pi' || fingerprint === 'other') return { check, status: 'ok', text: 'no priot board' };
  try {
    const link = await Link.open(await openSerial(path));
    for (let request = 0; request < LINE_REQUESTS; request++) await link.request('readStatistics', {});
    const held = link.hello.checkpointBytes > 0 ? await link.request('readCheckpoint', {}) : undefined;
    await link.close();
    const { firmwareCommit, lastPanic, boardId } = link.hello;
    const commit = firmwareCommit || 'of unknown commit';
    if (lastPanic) {
      const at = `0x${lastPanic.programCounter.toString(16)}`;
      return {
        check,
        status: 'warn',
        text: `firmware ${commit} panicked before its last start: ${lastPanic.reason} at ${at}`,
      };
    }
    if (flash && !Buffer.from(flash).includes(firmwareCommit)) {
      const text = `firmware ${commit} is not the one of this package`;
      return { check, status: 'warn', text, remedy: `priot flash --device ${path}` };
    }
    if (isNobody(boardId)) {
      const text = `firmware ${commit}; its flash chip tells no id of its own, so two such boards cannot be told apart`;
      return { check, status: 'warn', text, remedy: 'plug in one such board at a time, and name its port: --device' };
    }
    return lineFinding(check, `firmware ${commit}${held ? checkpointText(held) : ''}`, link.statistics);
  } catch (error) {
    if (fingerprint === 'perhaps-priot' && error instanceof PriotError && error.code === 'NOT_PRIOT') {
      return { check, status: 'warn', text: OTHER_FIRMWARE, remedy: `priot flash --device ${path}` };
    }
    return failure(check, error);
  }
}

/** The id of a flash chip that has none reads as zeros or as ones. */
function isNobody(boardId: Uint8Array): boolean {
  return boardId.every((byte) => byte === 0) || boardId.every((byte) => byte === 0xff);
}

function checkpointText({ sequence, sessionId, nextStep }: DeviceCheckpoint): string {
  if (sequence === 0) return '';
  const erasures = erasuresBy(sequence).toLocaleString('en');
  return `; checkpoint of session ${hexadecimal(sessionId)} before step ${nextStep}, flash sectors erased ${erasures} times for it`;
}

/**
 * Says how the line to a device is.
 * @param about what else there is to say of the board
 */
export function lineFinding(check: string, about: string, statistics: LinkStatistics): Finding {
  const { frames, crcErrors, retries, timeouts, roundTripMs } = statistics;
  const line = `${frames} frames, ${crcErrors} damaged, ${retries} repeated, ${timeouts} timeouts, ${roundTripMs.toFixed(1)} ms there and back`;
  const text = `${about}; line: ${line}`;
  if (crcErrors + retries + timeouts === 0) return { check, status: 'ok', text };
  return {
    check,
    status: 'warn',
    text,
    remedy: 'try another cable, or a port of the computer itself instead of a hub',
  };
}

function failure(check: string, error: unknown): Finding {
  if (!(error instanceof PriotError)) throw error;
  return { check, status: 'fail', text: error.message, ...(error.remedy && { remedy: error.remedy }) };
}
