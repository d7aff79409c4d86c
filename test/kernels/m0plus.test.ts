/** The Cortex-M0+ kernels on the emulated Pico, beside the plain ones on the simulator, which takes less time for them. */
import { openEmulator } from '#host/device/emulator/emulator.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { testKernels } from './m0plus.js';

testKernels(openEmulator, openSimulator);
