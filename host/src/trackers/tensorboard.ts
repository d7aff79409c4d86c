/**
 * Runs as TensorBoard event files: TFRecord frames around `Event` protobufs (tensorflow/core/util/event.proto,
 * framework/summary.proto), and the summaries of the HPARAMS plugin (tensorboard/plugins/hparams/plugin_data.proto).
 *
 * A record: length u64, masked CRC-32C of the length u32, data, masked CRC-32C of the data u32; little-endian.
 */

import protobuf from 'protobufjs/minimal.js';
import type { RunEvent } from '../runs/events.js';
import type { RunManifest, RunSummary } from '../runs/run-manifest.js';
import { maskedCrc32c } from './crc32c.js';
import {
  type Parameter,
  type TrackedMetric,
  TrackedMetrics,
  trackedResult,
  trackedSettings,
} from './tracked-metrics.js';

/** Field number and wire type of a protobuf field. */
const tag = (field: number, wireType: 0 | 1 | 2 | 5) => (field << 3) | wireType;

/** STATUS_SUCCESS of the HPARAMS plugin. */
const SUCCESS = 1;
const FLOAT = 1;

type Fill = (writer: protobuf.Writer) => unknown;

function message(fill: Fill): Uint8Array {
  const writer = protobuf.Writer.create();
  fill(writer);
  return writer.finish();
}

/** Writes a field that is a message. */
function nested(writer: protobuf.Writer, field: number, fill: Fill): protobuf.Writer {
  writer.uint32(tag(field, 2)).fork();
  fill(writer);
  return writer.ldelim();
}

/** Frames a record. */
export function tfRecord(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(16 + data.length);
  record.writeUInt32LE(data.length, 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return record;
}

/**
 * Turns a run into the records of an event file. TensorBoard's step is the number of training steps done before the
 * event; events carry no time of their own, so all have that of the run's creation, and a file is the same whenever it is
 * made.
 */
export class TensorboardRecords {
  private readonly wallTime: number;

  constructor(private readonly manifest: RunManifest) {
    this.wallTime = wallTimeOf(manifest.createdAt);
  }

  /** Gives the version record, and the one by which the HPARAMS plugin knows the settings. */
  begin(): Uint8Array[] {
    const version = message((event) =>
      event.uint32(tag(1, 1)).double(this.wallTime).uint32(tag(3, 2)).string('brain.Event:2'),
    );
    return [tfRecord(version), this.hparams('session_start_info', 3, (info) => this.startInfo(info))];
  }

  /** Gives the records of some metrics. */
  add(metrics: readonly TrackedMetric[]): Uint8Array[] {
    return this.scalars(metrics);
  }

  /** Gives the result, and the session's end for the HPARAMS plugin. */
  finish(summary: RunSummary): Uint8Array[] {
    const result = Object.entries(trackedResult(summary));
    const end = this.wallTime + summary.wallSeconds;
    return [
      ...this.scalars(result.map(([name, value]) => ({ name, value, step: summary.steps }))),
      this.hparams('session_end_info', 4, (info) =>
        info.uint32(tag(1, 0)).uint32(SUCCESS).uint32(tag(2, 1)).double(end),
      ),
    ];
  }

  private scalars(metrics: readonly TrackedMetric[]): Uint8Array[] {
    if (metrics.length === 0) return [];
    return [
      this.summary(metrics[0]!.step, (summary) => {
        for (const { name, value } of metrics) {
          nested(summary, 1, (one) => one.uint32(tag(1, 2)).string(name).uint32(tag(2, 5)).float(value));
        }
      }),
    ];
  }

  /** A summary of the HPARAMS plugin: its message is in the metadata, its tensor a placeholder. */
  private hparams(name: string, field: number, fill: Fill): Uint8Array {
    const content = message((data) => nested(data, field, fill));
    return this.summary(0, (summary) =>
      nested(summary, 1, (value) => {
        value.uint32(tag(1, 2)).string(`_hparams_/${name}`);
        nested(value, 8, (tensor) => {
          tensor.uint32(tag(1, 0)).uint32(FLOAT);
          nested(tensor, 2, (shape) => nested(shape, 2, (dimension) => dimension.uint32(tag(1, 0)).uint32(1)));
          nested(tensor, 5, (values) => values.float(0));
        });
        nested(value, 9, (metadata) =>
          nested(metadata, 1, (plugin) => plugin.uint32(tag(1, 2)).string('hparams').uint32(tag(2, 2)).bytes(content)),
        );
      }),
    );
  }

  private startInfo(info: protobuf.Writer): void {
    for (const [name, value] of Object.entries(trackedSettings(this.manifest))) {
      nested(info, 1, (entry) => {
        entry.uint32(tag(1, 2)).string(name);
        nested(entry, 2, (field) => writeValue(field, value));
      });
    }
    info.uint32(tag(5, 1)).double(this.wallTime);
  }

  private summary(step: number, fill: Fill): Uint8Array {
    return tfRecord(
      message((event) => {
        event.uint32(tag(1, 1)).double(this.wallTime).uint32(tag(2, 0)).int64(step);
        nested(event, 5, fill);
      }),
    );
  }
}

/** Writes a google.protobuf.Value. */
function writeValue(writer: protobuf.Writer, value: Parameter): void {
  if (typeof value === 'number') writer.uint32(tag(2, 1)).double(value);
  else if (typeof value === 'string') writer.uint32(tag(3, 2)).string(value);
  else writer.uint32(tag(4, 0)).bool(value);
}

/** Yields the records of a run that lies in a folder. */
export function* tensorboardRecords(
  manifest: RunManifest,
  events: Iterable<RunEvent>,
): Generator<Uint8Array, void, undefined> {
  const records = new TensorboardRecords(manifest);
  const metrics = new TrackedMetrics();
  yield* records.begin();
  for (const event of events) yield* records.add(metrics.add(event));
  if (manifest.summary !== undefined) yield* records.finish(manifest.summary);
}

const PREFIX = 'events.out.tfevents.';

/**
 * Returns the name under which TensorBoard looks for the file. There is one per run, so that a second export replaces
 * the first.
 */
export function tensorboardFileName(runName: string, createdAt: string): string {
  return `${PREFIX}${Math.floor(wallTimeOf(createdAt))}.${runName}`;
}

/** Returns the event file of another run among the names of a folder's files; undefined: there is none. */
export function otherEventFile(names: readonly string[], own: string): string | undefined {
  return names.find((name) => name.startsWith(PREFIX) && name !== own);
}

/** Seconds since 1970. */
function wallTimeOf(createdAt: string): number {
  return Date.parse(createdAt) / 1000;
}
