import { defineConfig } from 'vitest/config';

const project = (name: string, extra: Record<string, unknown> = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], ...extra },
});

/**
 * unit: pure, no processes. integration: a real PostgreSQL on a temporary folder. compat: side by side with
 * the programs in the folder that BARMAN_REFERENCE names. Files of the last two run two at a time: each starts a cluster.
 */
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      project('unit'),
      project('integration', { testTimeout: 120_000, hookTimeout: 120_000 }),
      project('compat', { testTimeout: 120_000, hookTimeout: 120_000 }),
    ],
  },
});
