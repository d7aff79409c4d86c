import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.js';

// make soak: the long tests of this folder, and all cases of those of which make test takes a slice (test/extent.ts).
export default defineConfig({
  test: {
    ...base.test,
    include: [
      'test/soak/**/*.test.ts',
      'test/bench/memory-plan.test.ts',
      'test/faults/simulator.test.ts',
      'test/kernels/**/*.test.ts',
      'test/qemu/**/*.test.ts',
    ],
    exclude: [],
    env: { PRIOT_TESTS: 'all' },
  },
});
