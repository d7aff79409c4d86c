import { defineConfig } from 'vitest/config';

// The long way of test/faults: make soak.
export default defineConfig({ test: { include: ['test/soak/**/*.test.ts'] } });
