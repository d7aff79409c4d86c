/** What a device's refusal means to the user: the error class, a stable code, and the way out. */
import { CapacityError, DataError, DeviceError, type PriotError } from '../errors.js';
import { arenaText } from './memory-account.js';
import { type Failure, FailureCode, type MemoryPlan } from './messages.js';

const FLASH = 'put the matching firmware on the board: priot flash';
const REPORT = 'run the command again; if it happens twice, report it with the output of: priot doctor --json';
const RESUME = 'start the run again where it stopped: priot train --resume RUN';

/** Turns a Failure reply into the error to throw. `what` names the request: `evaluate`, `step 17`. */
export function failureError(failure: Failure, what: string): PriotError {
  const text = `${what}: ${failure.text || 'refused by the device'}${details(failure)}`;
  switch (failure.code) {
    case FailureCode.FAILURE_CODE_BAD_FRAME:
    case FailureCode.FAILURE_CODE_MALFORMED:
      return new DeviceError('MESSAGE_REJECTED', text, FLASH);
    case FailureCode.FAILURE_CODE_UNSUPPORTED:
      return new DeviceError('UNSUPPORTED', text, `choose what this firmware has, or newer firmware: priot flash`);
    case FailureCode.FAILURE_CODE_BAD_NETWORK:
      return new DataError(
        'BAD_NETWORK',
        text,
        'correct network.json: shapes, shifts and exponents of the layer named',
      );
    case FailureCode.FAILURE_CODE_OVERFLOW:
      return new CapacityError(
        'ACCUMULATOR_OVERFLOW',
        text,
        'a sum of the layer could leave int32: use fewer inputs per output, or smaller weights',
      );
    case FailureCode.FAILURE_CODE_OUT_OF_MEMORY:
      return new CapacityError('NETWORK_TOO_LARGE', text, 'use a smaller network, or another method');
    case FailureCode.FAILURE_CODE_WRONG_ORDER:
      return new DeviceError('WRONG_ORDER', text, REPORT);
    case FailureCode.FAILURE_CODE_OUT_OF_RANGE:
      return new DataError('OUT_OF_RANGE', text, 'labels, image sizes and offsets must be those of the network');
    case FailureCode.FAILURE_CODE_WRONG_SESSION:
      return new DeviceError('WRONG_SESSION', text, `the device holds another session; ${RESUME}`);
    case FailureCode.FAILURE_CODE_WRONG_BOOT:
      return new DeviceError('DEVICE_RESTARTED', text, `the device was reset; ${RESUME}`);
    case FailureCode.FAILURE_CODE_BEYOND_WINDOW:
      return new DeviceError('BEYOND_WINDOW', text, REPORT);
    case FailureCode.FAILURE_CODE_TOO_OLD:
      return new DeviceError('STEP_TOO_OLD', text, RESUME);
    case FailureCode.FAILURE_CODE_FLASH:
      return new DeviceError('FLASH_FAILED', text, 'replug the board and run the command again');
    default:
      return new DeviceError('DEVICE_FAILURE', text, REPORT);
  }
}

/** A network whose smallest plan does not fit into the device's memory. */
export class PlanDoesNotFitError extends CapacityError {
  constructor(
    /** What the smallest plan needs. */
    readonly plan: MemoryPlan,
    message: string,
    remedy: string,
  ) {
    super('NETWORK_TOO_LARGE', message, remedy);
  }
}

/** Makes the error for a plan that does not fit, with its byte account. */
export function planError(plan: MemoryPlan): PlanDoesNotFitError {
  return new PlanDoesNotFitError(
    plan,
    `the network needs ${plan.requiredBytes.toLocaleString('en')} bytes and the device has ` +
      `${plan.arenaBytes.toLocaleString('en')} (${arenaText(plan)}; in flash ${plan.flashBytes.toLocaleString('en')})`,
    'use a smaller network or another method; priot plan shows what fits',
  );
}

function details(failure: Failure): string {
  const parts: string[] = [];
  if (failure.layer > 0) parts.push(`layer ${failure.layer}`);
  if (failure.value !== 0) parts.push(`value ${failure.value}`);
  return parts.length > 0 ? ` (${parts.join(', ')})` : '';
}
