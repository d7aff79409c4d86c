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
    // what was built is imported as Node.js imports it, which needs no second compilation and runs as it ships
    server: { deps: { external: [/\/dist\//] } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
