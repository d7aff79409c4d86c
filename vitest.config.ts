import { defineConfig } from 'vitest/config';

// Tests import the built package (#host/…), so what is tested is what ships; `make test` builds first.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/soak/**', 'node_modules/**'],
    // every core: the default leaves one idle, half of a machine with two
    maxWorkers: '100%',
    // Files of one process share the modules that they import: the library holds no state that could pass from one to another.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
