/** The library: what `import … from 'priot'` gives (docs/library.md). */
export type { Place } from './device/place.js';
export {
  CapacityError,
  DataError,
  DeviceError,
  type ErrorClass,
  type ErrorCode,
  FailedError,
  InterruptedError,
  PriotError,
  UsageError,
} from './errors.js';
export type { Connection } from './link/connection.js';
export type { MemoryPlan } from './link/messages.js';
export type { MethodName, Network, NetworkLayer } from './network/network.js';
export type { NetworkFile } from './network/network-file.js';
export type { BenchOptions, EvaluateOptions, VerifyOptions } from './options/measure.js';
export type { CalibrateOptions, PlanOptions, PretrainOptions } from './options/network.js';
export type { ExportOptions, ImportOptions } from './options/onnx.js';
export type {
  FetchOptions,
  FlashOptions,
  FleetOptions,
  ListOptions,
  MonitorOptions,
  SweepOptions,
  WorkerOptions,
} from './options/other.js';
export type { ReportOptions, UiOptions } from './options/show.js';
export type { ResumeOptions, TrainOptions } from './options/train.js';
export type { LiveServer } from './report/live/live-server.js';
export { type Comparison, compareRuns } from './runs/comparison.js';
export type * from './runs/events.js';
export { runEvents } from './runs/run-folder.js';
export type { RunManifest, RunSummary } from './runs/run-manifest.js';
export type { RunMetrics } from './runs/run-metrics.js';
export { listRuns, type RunRecord, type RunResult, readRun } from './runs/run-record.js';
export { type BenchDocument, type BenchEvent, bench } from './sessions/bench.js';
export { type CalibrationDocument, calibrate } from './sessions/calibrate.js';
export { type DatasetsDocument, type FetchDocument, fetchData, listData } from './sessions/data.js';
export { type DevicesDocument, type ListedDevice, listDevices } from './sessions/devices.js';
export { diagnose, type Finding } from './sessions/doctor.js';
export { type EvaluateEvent, type EvaluationDocument, evaluate } from './sessions/evaluate.js';
export type * from './sessions/events.js';
export { type ExportDocument, exportOnnx } from './sessions/export.js';
export { flash } from './sessions/flash.js';
export { fleet } from './sessions/fleet.js';
export type * from './sessions/fleet-document.js';
export { type ImportDocument, importOnnx } from './sessions/import.js';
export { monitor } from './sessions/monitor.js';
export { loadNetwork } from './sessions/networks.js';
export { type DeviceChoice, openDevice } from './sessions/open-device.js';
export { type DevicePlan, type MethodPlan, type PlanDocument, plan } from './sessions/plan.js';
export { type PretrainingDocument, pretrain } from './sessions/pretrain.js';
export { type ReportDocument, report } from './sessions/report.js';
export { type SelfTestDocument, selfTest } from './sessions/selftest.js';
export { type SweepDocument, type SweepEvent, sweep } from './sessions/sweep.js';
export { resume, train } from './sessions/train.js';
export { ui } from './sessions/ui.js';
export { type VerificationDocument, verify } from './sessions/verify.js';
export { type WorkerDocument, type WorkerEvent, worker } from './sessions/worker.js';
export type { SweepGroup } from './sweep/sweep-table.js';
export type { CaseVerdict, Difference } from './training/verification.js';
