/** The table of error codes, which errors, recovery and docs/errors.md go by. */
import { expect, test } from 'vitest';
import { errorAreas } from '#host/error-codes.js';
import {
  DataError,
  DeviceError,
  errorDocument,
  isPassing,
  isRecoverable,
  PriotError,
  UsageError,
} from '#host/errors.js';

const codes = Object.values(errorAreas).flatMap((area) => Object.keys(area));

test('every code stands once, in upper snake case', () => {
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.filter((code) => !/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(code))).toEqual([]);
});

test('a code that there is not, or that is of another class, does not compile', () => {
  expect(new DataError('FILE_MISSING', 'gone').class).toBe('data');
  // @ts-expect-error there is no such code
  new DataError('FILE_MISLAID', 'gone');
  // @ts-expect-error it is a device's
  new DataError('PORT_BUSY', 'busy');
});

test('a session goes on after losses that pass, and an opening is tried again after those of a port as well', () => {
  expect(isRecoverable(new DeviceError('NO_ANSWER', ''))).toBe(true);
  expect(isRecoverable(new DeviceError('PORT_BUSY', ''))).toBe(false);
  expect(isPassing(new DeviceError('PORT_BUSY', ''))).toBe(true);
  expect(isPassing(new DeviceError('NO_ANSWER', ''))).toBe(true);
  expect(isPassing(new DeviceError('PROTOCOL_MISMATCH', ''))).toBe(false);
  expect(isPassing(new UsageError('RUN_DONE', ''))).toBe(false);
  expect(isPassing(new Error('PORT_BUSY'))).toBe(false);
});

test('the document of an error has code, message, remedy and cause, null where there is none', () => {
  const error = new PriotError('DISK_FULL', 'no room', 'make room', { cause: new Error('ENOSPC') });
  expect(errorDocument(error)).toEqual({
    error: { code: 'DISK_FULL', message: 'no room', remedy: 'make room', cause: 'ENOSPC' },
  });
  expect(errorDocument(new Error('a defect'))).toEqual({
    error: { code: null, message: 'a defect', remedy: null, cause: null },
  });
  expect(errorDocument('thrown')).toEqual({ error: { code: null, message: 'thrown', remedy: null, cause: null } });
});
