/**
 * Every code that an error of priot may have, by area: what kind of trouble it is, how it comes about and what to do.
 * docs/errors.md is made from this table (`make errors-page`). A new code is one more entry here.
 */

/** What kind of trouble an error is; the command line's exit status follows from it. */
export type ErrorClass = 'failed' | 'usage' | 'device' | 'data' | 'capacity' | 'interrupted';

/**
 * Losses of a device that pass. `session`: the device comes back from it, and a session goes on. `opening`: a board that
 * is on its way back may be met like this, so opening it is tried again; met at first, it is an error like others.
 */
export type Recovery = 'session' | 'opening';

export interface ErrorEntry<Class extends ErrorClass = ErrorClass> {
  readonly class: Class;
  /** How it comes about. */
  readonly cause: string;
  /** What the user can do. An error that is thrown may say it more exactly. */
  readonly remedy: string;
  readonly recovery?: Recovery;
}

function entry<const Class extends ErrorClass>(errorClass: Class) {
  return (cause: string, remedy: string, recovery?: Recovery): ErrorEntry<Class> => ({
    class: errorClass,
    cause,
    remedy,
    ...(recovery && { recovery }),
  });
}

const failed = entry('failed');
const usage = entry('usage');
const device = entry('device');
const data = entry('data');
const capacity = entry('capacity');
const interrupted = entry('interrupted');

const REPORT = 'Run the command again. If it happens twice, report it with the output of `priot doctor --json`.';
const FLASH = 'Put the firmware on the board that belongs to this priot: `priot flash`.';
const RESUME = 'Go on where the run stopped: `priot train --resume RUN`.';
const FETCH = 'Fetch the set again: `priot data fetch NAME`.';
const LEARN = 'Give what the message names; `priot COMMAND --help` lists the options.';

export const errorAreas = {
  'Files and folders': {
    FILE_MISSING: data('A file that was named, or that a folder should hold, is not there.', 'Check the path.'),
    FILE_UNREADABLE: data('A file or folder is there and cannot be read.', 'Check its owner and mode.'),
    FILE_FAILED: data('The operating system refused to read or write a file.', 'See the cause in the message.'),
    NOT_A_FILE: data('A folder stands where a file should, or the other way round.', 'Name another path.'),
    NO_PERMISSION: data('The user may not write there.', "Check the folder's owner and mode, or name another one."),
    NO_WORKING_FOLDER: data(
      'The folder that the command was started in has been deleted.',
      'Change to a folder that exists, or give paths that begin with /.',
    ),
    FOLDER_NOT_MADE: data('A file system takes no folders there, as below /proc.', 'Name another folder.'),
    NO_SUCH_FOLDER: data('A folder that an option names does not exist.', 'Correct the option.'),
    DISK_FULL: capacity('There is no room left on the disk.', 'Make room and run the command again; runs resume.'),
  },
  'Networks and conformance cases': {
    NETWORK_MALFORMED: data(
      'network.json, case.json or an architecture is no JSON, or a key is unknown, missing or has a wrong value.',
      'Correct what the message lists; [networks.md](networks.md) has every key.',
    ),
    WEIGHTS_MALFORMED: data(
      'weights.bin has another length than the layers have edges, or a weight is -128.',
      'Use the weights.bin of this very network.',
    ),
    BIASES_MALFORMED: data(
      'bias.bin is missing, is there without need, has a wrong length, or a bias is -32768.',
      'Write two bytes for each output channel of the layers that have a bias_exponent.',
    ),
    TENSOR_MALFORMED: data(
      'A file of states, scores or images has a wrong length or a value outside its range.',
      'Use the file of this very network.',
    ),
    CASE_MALFORMED: data('case.json lacks a key of a conformance case, or has a wrong value.', 'Restore the case.'),
    NO_CASES: data(
      'A folder holds no conformance case.',
      'Name a folder whose subfolders hold a case.json, or one such folder.',
    ),
    NETWORK_REFUSED: data('The engine refuses the network, for the reason in the message.', 'Correct the layer named.'),
    BAD_NETWORK: data('The device refuses the network: shapes, shifts or exponents.', 'Correct the layer named.'),
    NETWORK_NOT_CALIBRATED: data(
      'A layer lacks a static shift that the method needs.',
      'Train with `--calibrate transfer` or `source`, or write shifts into the network: `priot calibrate`.',
    ),
    CALIBRATION_EMPTY: data(
      'No calibration image had a loss gradient, so there is nothing to choose error and score shifts from.',
      'Calibrate with more images, or on the rotated ones: `--calibrate transfer`.',
    ),
    BIAS_OUT_OF_SCALE: data(
      "A layer's bias_exponent is too far from the exponent of its sums: more than 30 below or 14 above.",
      'Write the biases with an exponent nearer to that of the sums, or import the model again.',
    ),
    MODEL_EXISTS: usage('The folder for a new network exists; networks are never overwritten.', 'Name another --out.'),
    MODEL_NOT_WRITTEN: data('The folder for a new network cannot be written.', 'See the cause in the message.'),
    PRETRAINING_MISSING: data(
      'There is no interrupted pretraining to go on with.',
      'Give the --out of the one that was interrupted.',
    ),
    PRETRAINING_MALFORMED: data('The file of an interrupted pretraining is damaged.', 'Remove it and begin anew.'),
    PRETRAINING_DIFFERS: data(
      'The data set is not the one that the pretraining began with.',
      'Bring it back, or begin anew.',
    ),
    NETWORK_TOO_LARGE: capacity(
      'The network does not fit into the memory of the device, or is beyond its limits.',
      'Use a smaller network, another method or another device: `priot plan` shows what fits.',
    ),
    ACCUMULATOR_OVERFLOW: capacity(
      'A sum of the layer named could leave 32 bits.',
      'Use fewer inputs for each output, smaller weights or smaller biases.',
    ),
    NOT_BUILT: failed('A part of priot that `make build` makes is missing.', 'Run `make build`.'),
  },
  'ONNX files': {
    ONNX_MALFORMED: data('The file is damaged, or is no ONNX file.', 'Export the model again.'),
    ONNX_UNSUPPORTED: data('The model has a node that a network here cannot have.', 'See [onnx.md](onnx.md).'),
    ONNX_OPSET: data('The file uses a version of the operators that is not known here.', 'Export it with another one.'),
    ONNX_EXTERNAL_DATA: data(
      'Data that the file keeps elsewhere is missing, or is outside its folder.',
      'Put it beside the ONNX file, or export into one file.',
    ),
    EXPORT_NOT_STATIC: data(
      'The run has no static shifts: niti-dynamic computes them from each image.',
      'Train with niti-static or priot, and export that run.',
    ),
    NORMALISATION_MALFORMED: usage(
      '--mean, --std or --scale does not fit the channels, or is not above 0.',
      'Give one number, or one for each channel separated by commas.',
    ),
  },
  'Data sets': {
    UNKNOWN_DATASET: usage('There is no data set of this name.', 'Choose one of those in the message.'),
    NOTHING_TO_FETCH: usage('The generated digits are built in.', 'Use `--dataset digits`.'),
    DATASET_NOT_FOUND: data(
      'A folder that was named does not hold the data set.',
      'Name another one, or fetch the set.',
    ),
    MISSING_FILES: data('A folder holds some files of a data set, not all.', FETCH),
    NO_NETWORK: data(
      'A data set is not on this machine and its address cannot be reached.',
      'Use `--dataset digits`, or give the files with `--data-dir` or `priot data fetch --from`.',
    ),
    DOWNLOAD_FAILED: data('A download ended early or was refused by its server.', 'Run the command again: it goes on.'),
    BAD_MIRROR: data('$PRIOT_DATA_MIRROR is no address.', 'Give it as https://host/folder/.'),
    CACHE_NOT_WRITABLE: data('The cache cannot be written.', 'Name another folder with `--cache` or $XDG_CACHE_HOME.'),
    WRONG_CHECKSUM: data('A file of a data set is not the published one.', FETCH),
    BAD_CHECKSUM_FILE: data('The file of checksums in the cache is damaged.', FETCH),
    BAD_DATASET_DESCRIPTION: data("priot's description of a data set is damaged.", 'Install priot again.'),
    CORRUPT_GZIP: data('A gzip file is damaged.', FETCH),
    CORRUPT_TAR: data('A tar file is damaged.', FETCH),
    TRUNCATED: data('A file of a data set ends early.', FETCH),
    TRAILING_BYTES: data('A file of a data set is longer than its header says.', FETCH),
    BAD_MAGIC: data('A file is no IDX file.', FETCH),
    BAD_DIMENSIONS: data('An IDX file has a dimension of 0.', FETCH),
    LABEL_COUNT: data('There are more or fewer labels than images.', 'Use the label file of these images.'),
    LABEL_OUT_OF_RANGE: data('A label is not one of the classes.', 'Correct the label file.'),
    IMAGES_DO_NOT_FIT: data(
      'The images have another size than the network takes, or more classes than it has outputs.',
      'Choose the network and the data set that belong together: --model, --dataset.',
    ),
    BAD_SHIFT: usage('A `--shift` is none that there is, or has a wrong number.', 'Write it as the message says.'),
  },
  'Data sets of your own': {
    UNKNOWN_LAYOUT: data(
      'A folder or file given to --dataset is in no layout that is read.',
      'See [datasets.md](datasets.md), "Your own images".',
    ),
    SEVERAL_SETS: data('A folder holds more than one data set.', 'Name one of them, as the message says.'),
    NO_TEST_SET: data('A data set has training images only.', 'Add test images, or split some off: `--split 0.8`.'),
    SPLIT_OF_SPLIT: usage('--split is given for a data set that has test images.', 'Leave --split out.'),
    BAD_SPLIT: usage('--split is not between 0 and 1.', 'Give the share of training images, as 0.8.'),
    OPTION_OF_OWN_SET: usage(
      'An option for data sets of your own is given with a set that is known by name.',
      'Leave the option out, or give a folder: `--dataset DIR`.',
    ),
    LABELS_WITHOUT_CHOICE: usage('--labels is for CIFAR-100, whose images have two labels.', 'Leave --labels out.'),
    EMPTY_CLASS: data('A class has no image, or too few to split.', 'Add images, or number classes without gaps.'),
    TOO_MANY_CLASSES: data('There are more than 256 classes.', 'Number the classes from 0 (or 1) on, without gaps.'),
    BAD_CLASS_NAMES: data('Names of classes are missing, or differ between two halves or sets.', 'Name every class.'),
    MIXED_SIZES: data('Images have different sizes.', 'Scale them to the one size that the network takes.'),
    IMAGE_UNREADABLE: data('An image is damaged, or of a kind that is not read.', 'Replace it, or take it out.'),
    IMAGE_TOO_LARGE: data('An image is larger than any network takes.', 'Scale the images down.'),
    SET_TOO_LARGE: data('A data set has more than 1 GiB of pixels.', 'Take fewer images, or smaller ones.'),
    CORRUPT_ZIP: data('A NumPy archive (.npz) is damaged.', 'Write it again.'),
    BAD_NPY: data('An array of a NumPy archive is of a type or form that is not read.', 'Save it as the message says.'),
    MISSING_ARRAY: data(
      'A NumPy archive lacks x_train, y_train, or one of x_test and y_test.',
      'Save all four: `numpy.savez("set.npz", x_train=…, y_train=…, x_test=…, y_test=…)`.',
    ),
  },
  'Options and methods': {
    OPTION_REFUSED: usage('An option is unknown or has a value that it does not take.', LEARN),
    UNKNOWN_OPTION: usage('There is no option of this name.', 'Choose one of those in the message.'),
    OPTION_MISSING: usage('An option that is needed was left out.', 'Give it.'),
    OPTION_OF_ANOTHER_METHOD: usage('The option belongs to another method.', 'Leave it out, or choose that --method.'),
    OPTIONS_CONFLICT: usage('Two options exclude each other.', 'Leave one of them out.'),
    SEED_BEYOND_SET: usage(
      'The seed asks for training images beyond the end of the set: seed s trains on images from s * samples on.',
      'Choose a smaller --seed or fewer --samples.',
    ),
    TOO_MANY_EVAL_SAMPLES: usage('The set has fewer test images than were asked for.', 'Ask for fewer --eval-samples.'),
    NARROW_MALFORMED: usage('`--narrow` is no list of ascending numbers of epochs.', 'Write it as 16,24.'),
    BUDGET_MALFORMED: usage('`--budget` names a layer that is not there, or a share outside 0..1.', LEARN),
    BELOW_THRESHOLD_MALFORMED: usage('`--below-threshold` names no rule, or a layer that is not there.', LEARN),
    BAD_FAULTS: usage('`--faults` names a fault that there is not, or a wrong rate.', 'Write it as seed=9,drop=0.02.'),
    LATENCY_OUT_OF_RANGE: usage("The emulated host's latency is outside 0..1000 ms.", 'Choose one in that range.'),
  },
  'Runs and sweeps': {
    NOT_A_RUN: data('A folder has no run.json.', '`priot runs list` names the runs there are.'),
    RUN_EXISTS: data('The folder for a new run exists.', 'Name another --out, or go on with that run: --resume.'),
    RUN_GONE: data('A run folder was removed or moved while its run went on.', 'Train it again.'),
    RUN_MALFORMED: data('run.json is damaged.', 'Restore it, or repeat the run from its options.'),
    RUN_VERSION: data('run.json was written by another version of priot.', 'Use that version, or repeat the run.'),
    RUN_BUSY: device('Another process is writing the run folder.', 'Wait for it, or end it.'),
    RUN_DONE: usage('The run to be resumed is done.', 'Repeat it: `priot train --from-run RUN`.'),
    EXPORT_FOLDER_TAKEN: data(
      'The folder for an export holds the events of another run.',
      'Give each run a folder of its own.',
    ),
    TRACKER_FAILED: failed(
      'A run could not be written or sent to a tracker as a whole.',
      'Give the same command again: what is there already is not sent twice.',
    ),
    BENCH_MALFORMED: data(
      'The document of a benchmark is damaged, or not what the report takes from it.',
      'Make it with `priot bench --kernels fastest,plain --json`.',
    ),
    METRICS_MALFORMED: data('A line of metrics.jsonl is damaged.', 'Restore the file, or repeat the run.'),
    METRICS_INCOMPLETE: data(
      'metrics.jsonl lacks events that the checkpoint has, as when it was copied at another moment.',
      'Delete state.bin: the run then replays from its first step. Or repeat it with --from-run.',
    ),
    CHECKPOINT_DAMAGED: data(
      'state.bin is torn or was changed.',
      'Delete it: the run then replays from its first step and ends with the same state.',
    ),
    CHECKPOINT_VERSION: data('state.bin was written by another version of priot.', 'Resume with that version.'),
    CHECKPOINT_OF_ANOTHER_RUN: data('state.bin belongs to another run.', 'Delete it: the run then replays.'),
    SESSION_DIFFERS: data('This priot would train another session than the run did.', 'Use the priot that began it.'),
    ROTATION_DIFFERS: data(
      'The run was made with an older rule of rotation, so that it cannot be continued exactly.',
      'Train it anew: `priot train --from-run RUN`.',
    ),
    DATA_CHANGED: data('The data set is not the one of the run.', 'Bring it back, or start a new run.'),
    NETWORK_CHANGED: data('The network is not the one of the run.', 'Bring it back, or start a new run.'),
    PLACE_DIFFERS: usage(
      'The run was begun in another place (hardware, emulated, simulated), and cycles would mix.',
      'Go on where it began, or repeat it elsewhere: `priot train --from-run RUN --device …`.',
    ),
    NO_STATE: data('The run holds no learned state yet.', RESUME),
    TOO_FEW_RUNS: usage('A comparison needs two runs.', 'Name another run folder.'),
    PORT_IN_USE: usage('The port of the live page is taken.', 'Choose another one with `--port`, or 0 for any.'),
    UNKNOWN_EVENTS: usage('There are no events of this type.', 'Choose one of those in the message.'),
    SWEEP_MISSING: data('The sweep file cannot be read.', 'Give its path; see [sweeps.md](sweeps.md).'),
    UNKNOWN_METRIC: data(
      'The metric of the sweep file is no number that its runs will have.',
      'Choose one of those that the message names.',
    ),
    SWEEP_MALFORMED: data('The sweep file has an unknown key or a wrong value.', 'See [sweeps.md](sweeps.md).'),
    UNKNOWN_PARAMETER: usage('A sweep has a parameter that `priot train` does not have.', LEARN),
    SESSIONS_FAILED: failed('Some sessions of a sweep failed.', 'Give the same command again: done ones are kept.'),
  },
  'Finding and opening a device': {
    PORT_MISSING: device('There is no such port.', 'See what is plugged in: `priot devices`.', 'opening'),
    PORT_BUSY: device('Another program uses the port.', 'End it; on Linux `fuser -v PORT` names it.', 'opening'),
    PORT_PERMISSION: device('The user may not use the port.', '`priot doctor` prints the command.', 'opening'),
    PORT_FAILED: device('The port cannot be opened.', 'Replug the board; see also `priot doctor`.', 'opening'),
    NOT_A_PORT: device('What was named is no serial port.', 'See what is plugged in: `priot devices`.'),
    PORTS_UNKNOWN: device('The serial ports cannot be listed.', 'Name the port: `--device PORT`.'),
    SEVERAL_BOARDS: device('Several boards are plugged in.', 'Name one: `--device PORT`.'),
    NAME_A_PORT: usage('`priot monitor` cannot tell which serial adapter is meant.', 'Name its port.'),
    NOT_PRIOT: device(
      'What is at the port does not answer as priot does.',
      'If it is a Pico, put the firmware on it: `priot flash`.',
      'opening',
    ),
    BOARD_DIFFERS: device('Another board came back than the one that was lost.', 'Plug the first one in.', 'opening'),
    PROTOCOL_MISMATCH: device('Firmware and host speak different versions of the protocol.', FLASH),
    METHOD_NOT_BUILT_IN: device('The firmware does not have the method.', FLASH),
    UNSUPPORTED: device('The firmware does not have what was asked for.', FLASH),
    KERNELS_NOT_HERE: usage('The kernels asked for are not those of this device.', 'Choose fastest, plain or dense.'),
    SIMULATOR_MISSING: device("The simulator's module cannot be read.", 'Run `make build`, or install priot again.'),
    SIMULATOR_DAMAGED: device("The simulator's module is damaged.", 'Run `make build`, or install priot again.'),
    FIRMWARE_IMAGE_MISSING: data('The firmware image cannot be read.', 'Run `make firmware`, or name the file.'),
    FIRMWARE_IMAGE_INVALID: data('A file is no firmware image for the Pico.', 'Run `make firmware`.'),
    BOOT_ROM_INVALID: data(
      "The file for --boot-rom cannot be read, or is no dump of an RP2040's boot ROM.",
      'Give the 16 KB from address 0 of a chip of your own, or leave the option out.',
    ),
    BOOT_ROM_WITHOUT_EMULATOR: usage(
      '--boot-rom was given for a device that is not the emulator.',
      'Leave it out, or add `--device emulator`.',
    ),
  },
  'Talking to a device': {
    DEVICE_LOST: device('The port or the emulated board is gone and did not come back.', RESUME, 'session'),
    NO_ANSWER: device('Nothing came from the device for as long as a request waits.', RESUME, 'session'),
    DEVICE_RESTARTED: device('The device was reset.', RESUME, 'session'),
    WRONG_ORDER: device('What was open on the device is not any more, as after a reset.', RESUME, 'session'),
    WRONG_SESSION: device('The device holds another session.', RESUME, 'session'),
    STEP_TOO_OLD: device('A step was repeated whose result the device no longer keeps.', RESUME, 'session'),
    BEYOND_WINDOW: device('A step was sent that the device had no room for.', REPORT),
    MESSAGE_REJECTED: device('The device could not read a message.', FLASH),
    MALFORMED_MESSAGE: device('The host could not read a message of the device.', FLASH),
    UNEXPECTED_REPLY: device('A request was answered by something else.', FLASH),
    FRAME_TOO_LARGE: capacity('A message is larger than the device takes.', 'Use smaller images.'),
    OUT_OF_RANGE: data('A label, an image size or an offset is not one of the network.', REPORT),
    DEVICE_FAILURE: device('The device failed in a way that has no code of its own.', REPORT),
    DEVICE_CLOSED: device('A device was used after it was closed.', REPORT),
    LINK_CLOSED: device('A link was used after it was closed.', REPORT),
    SIMULATOR_STOPPED: device('The simulator stopped.', REPORT),
    EMULATOR_FAILED: device('The emulator failed.', REPORT),
    FIRMWARE_FAULT: device('The firmware crashed in the emulator.', REPORT),
    FIRMWARE_SILENT: device('The firmware did not appear on USB in the emulator.', 'Run `make firmware`.'),
    DEVICE_IN_BOOTSEL: device('The emulated Pico left its firmware for its boot ROM.', 'Open the emulator again.'),
  },
  'Checkpoints on the device': {
    NO_DEVICE_CHECKPOINTS: device('The firmware keeps no checkpoints.', 'Leave --device-checkpoint out, or update it.'),
    STATE_TOO_LARGE: capacity(
      "The learned state is larger than the device's checkpoint.",
      'Leave --device-checkpoint out: the run folder holds a checkpoint all the same.',
    ),
    DEVICE_CHECKPOINT_MISSING: data('The device holds no checkpoint.', 'Begin without --from-device-checkpoint.'),
    DEVICE_CHECKPOINT_DIFFERS: data(
      "The device's checkpoint is of another training.",
      'Give the options of that run, or begin anew with --device-checkpoint, which writes over it.',
    ),
    DEVICE_CHECKPOINT_DAMAGED: device(
      "The device's checkpoint does not have its checksum any more.",
      'Begin anew with --device-checkpoint; if it happens again, the flash is worn: use another board.',
    ),
    FLASH_FAILED: device('The flash of the device could not be written.', 'Replug the board and run it again.'),
  },
  'Putting firmware on a board': {
    NO_BOARD: device('No board is plugged in.', 'Hold BOOTSEL while you plug it in, then `priot flash`.'),
    NO_DRIVE: device(
      "The drive of the board's boot ROM is not there.",
      'Mount the drive RPI-RP2, or name it: --drive.',
    ),
    WRONG_BOARD: device('The drive belongs to another kind of board.', 'Plug in a Raspberry Pi Pico (RP2040).'),
    COPY_FAILED: device('Copying the image ended early.', 'Hold BOOTSEL while you plug the board in, and try again.'),
    BOARD_NOT_BACK: device('The image was copied and no board came back.', 'Replug it, then `priot devices`.'),
    OTHER_FIRMWARE: device('The board came back with other firmware.', 'Hold BOOTSEL while you plug it in, and retry.'),
    DEVICE_AND_DRIVE: usage('--device and --drive were both given.', 'Give one of them.'),
    NOT_UF2: data('The file is no UF2 file.', 'Name the .uf2 file: `--firmware FILE.uf2`.'),
  },
  Benchmarks: {
    BENCH_REGRESSION: failed('A figure grew by more than the tolerance.', 'Find out why, or measure a new base.'),
    BENCH_REPORT_MALFORMED: data('A file is no report of `priot bench --json`.', 'Write one: priot bench --json.'),
    CALIBRATION_MALFORMED: data('A file has no calibration.', 'Write one: `priot selftest --device PORT`.'),
    CALIBRATION_NOT_HARDWARE: data('A calibration was measured on no board.', 'Measure one: `priot selftest`.'),
    CALIBRATION_NOT_HERE: usage('A calibration is for emulated cycles.', 'Leave --calibration out.'),
    NOT_COMPARABLE: usage('Two reports were not measured the same way.', 'Measure the base again, the same way.'),
    KERNELS_DISAGREE: failed('Two sets of kernels learned different states.', 'Find the step: `priot verify`.'),
  },
  'A queue of cells': {
    QUEUE_ADDRESS_REFUSED: usage(
      'The address of a queue is none, or is missing.',
      'Give `--queue redis://HOST:PORT/DATABASE`, or rediss:// for an encrypted connection.',
    ),
    QUEUE_CLIENT_MISSING: failed(
      'The packages that a queue needs are not installed: priot does without them otherwise.',
      'Install them beside priot; [fleet.md](fleet.md) has the command.',
    ),
    QUEUE_UNREACHABLE: failed('Redis does not answer.', 'Is it running, and does a firewall let this machine in?'),
    QUEUE_REFUSED: failed(
      'Redis answers and refuses: user or password, rights, no memory left, or its file cannot be written.',
      'See [fleet.md](fleet.md), "What Redis needs".',
    ),
    OPTION_OF_QUEUE: usage(
      'An option, or `requires` of a sweep file, has a meaning with a queue alone.',
      'Add --queue, or leave it out.',
    ),
    CELL_UNKNOWN: usage('No failed cell on the queue has that name.', '`priot fleet` lists them.'),
    RECORD_MALFORMED: data(
      'Something in the store of a queue is not what priot writes.',
      'Find out who else writes to that Redis; [fleet.md](fleet.md), "Threats".',
    ),
    JOB_MALFORMED: data(
      'A cell on the queue has options that train refuses, or is not the one that its name says.',
      'Put it there again with `priot sweep`.',
    ),
    NETWORK_NOT_QUEUED: data('The network of a cell is not in the store.', 'Give the command of the sweep again.'),
    BLOB_DAMAGED: data(
      'Bytes in the store of a queue are not those that were put there.',
      'Give the command of the sweep again; if it stays, remove the result: `priot fleet --forget 0`.',
    ),
    ARCHIVE_MALFORMED: data('A packed folder in the store is not what priot packs.', 'As for RECORD_MALFORMED.'),
    BLOB_TOO_LARGE: capacity(
      'A network or a run folder is larger than what travels by the queue.',
      'Train it locally.',
    ),
    OWN_SET_MISSING: data(
      'A worker does not have a data set of your own.',
      'Put it into its folder of data sets, --data-dir, under the same name.',
    ),
  },
  Stopping: {
    INTERRUPTED: interrupted('The user stopped the command (Ctrl-C, SIGTERM, a closed terminal).', RESUME),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ErrorEntry>>>>;

type Areas = typeof errorAreas;
type Entries = { readonly [Area in keyof Areas]: Areas[Area] }[keyof Areas];
type CodeIn<Area> = Area extends unknown ? keyof Area & string : never;
type CodeOfClassIn<Area, Class extends ErrorClass> = Area extends unknown
  ? { [Code in keyof Area & string]: Area[Code] extends ErrorEntry<Class> ? Code : never }[keyof Area & string]
  : never;

/** A code of the table. */
export type ErrorCode = CodeIn<Entries>;
/** A code of one class. */
export type CodeOf<Class extends ErrorClass> = CodeOfClassIn<Entries, Class>;

const entries = Object.assign({}, ...Object.values(errorAreas)) as Readonly<Record<ErrorCode, ErrorEntry>>;

/** Returns what the table says of a code. */
export function errorEntry(code: ErrorCode): ErrorEntry {
  return entries[code];
}
