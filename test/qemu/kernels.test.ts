/** The kernels' own tests (test/kernels) once more, on a processor model that nobody here wrote, fast and plain. */
import { describe, test } from 'vitest';
import { testKernels } from '../kernels/m0plus.js';
import { openQemu, whyNoQemu } from './qemu-device.js';

const missing = whyNoQemu();
if (missing) describe(`the kernels on QEMU's Cortex-M (${missing})`, () => test.skip('test/kernels', () => {}));
else {
  const open = async () => openQemu();
  testKernels(open, open);
}
