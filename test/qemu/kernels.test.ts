/** The kernels' own tests (test/kernels) once more, on a processor model that nobody here wrote. */
import { describe, test, vi } from 'vitest';
import { openQemu, whyNoQemu } from './qemu-device.js';

const missing = whyNoQemu();
vi.mock('#host/device/emulator/emulator.js', () => ({ openEmulator: async () => openQemu() }));

if (missing) describe(`the kernels on QEMU's Cortex-M (${missing})`, () => test.skip('test/kernels', () => {}));
else await import('../kernels/m0plus.test.js');
