/** What the verbs of the library tell their caller while they work. Nothing here is needed for the result. */
import type { DeviceDescription } from '../device/device.js';
import type { Place } from '../device/place.js';
import type { LogLevel, MemoryPlan, Panic } from '../link/messages.js';
import type { SessionEvent } from '../training/session.js';

/** Something that the user should know: what is used, what was found, what is done next. */
export interface NoticeEvent {
  readonly type: 'notice';
  readonly text: string;
  /** Something has gone wrong, or may: it is shown to those who asked for quiet, too. */
  readonly warning?: true;
}

/** A device was opened and has answered. */
export interface DeviceEvent {
  readonly type: 'device';
  /** What `device` takes: `emulator`, `simulator`, `/dev/ttyACM0`. */
  readonly name: string;
  readonly kind: DeviceDescription['kind'];
  readonly place: Place;
  /** Cycles per second; 0 without a cycle counter. */
  readonly clockHz: number;
  /** The commit that the firmware was built from; empty when it does not know. */
  readonly firmwareCommit: string;
  /** The panic before this start; null: there was none. */
  readonly lastPanic: Panic | null;
}

/** A device was lost, and an attempt begins to get it back. */
export interface ReconnectEvent {
  readonly type: 'reconnect';
  readonly name: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly of: number;
  /** What went wrong last. */
  readonly text: string;
}

/** The device has sent a warning or an error of its own. */
export interface DeviceLogEvent {
  readonly type: 'device-log';
  readonly level: LogLevel;
  readonly text: string;
}

/** A file is being downloaded. */
export interface DownloadEvent {
  readonly type: 'download';
  readonly file: string;
  readonly bytes: number;
  /** Bytes in all; null when the server does not say. */
  readonly of: number | null;
}

/** Something long is under way. */
export interface ProgressEvent {
  readonly type: 'progress';
  /** What is counted: `calibrating`, `cases`, `epochs`. */
  readonly what: string;
  readonly done: number;
  readonly of: number;
  /** What else there is to say, such as the accuracy so far. */
  readonly text?: string;
}

/** The events of a device that is opened, and used from then on. */
export type OpenedEvent = NoticeEvent | DeviceEvent | DeviceLogEvent | ReconnectEvent;

/** The events that every verb may emit. */
export type CommonEvent = OpenedEvent | DownloadEvent | ProgressEvent;

/** A training session is about to begin. */
export interface PlanEvent {
  readonly type: 'plan';
  readonly epochs: number;
  /** Steps of an epoch. */
  readonly samples: number;
  /** The step it begins at; above 0 when it goes on from a checkpoint. */
  readonly nextStep: number;
  /** Test images after an epoch, and the epochs from one evaluation to the next. */
  readonly evalSamples: number;
  readonly evalEvery: number;
  /** Test images after the last epoch. */
  readonly finalSamples: number;
  readonly memory: MemoryPlan;
}

/** The run folder that a session writes. */
export interface RunFolderEvent {
  readonly type: 'run';
  readonly run: string;
}

/** What a tracker could not be told of a run, at the run's end. */
export interface TrackingEvent {
  readonly type: 'tracking';
  readonly text: string;
}

/** The events of train and resume: those of metrics.jsonl, and what is under way. */
export type TrainEvent = CommonEvent | RunFolderEvent | PlanEvent | TrackingEvent | SessionEvent;

/** What a verb is given besides its options. */
export interface Context<E = CommonEvent> {
  /** Stops the verb; what it throws then is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event, in order. An error that it throws ends the verb. */
  readonly onEvent?: ((event: E) => void) | undefined;
  /** The arguments of the command line, which files record; left out: the ones that would do the same. */
  readonly command?: readonly string[] | undefined;
}
