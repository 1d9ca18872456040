import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// No limit that a busy machine could meet.
const PATIENCE = { testTimeout: 300_000, hookTimeout: 300_000 };

/** Tests that start processes: a process for each file, looked after by test/setup. */
const project = (name: string) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    globalSetup: ['test/setup/templates.ts'],
    setupFiles: ['test/setup/leaks.ts'],
    ...PATIENCE,
  },
});

/** Pure functions and temporary folders: all files share the loaded modules, so none may change what others see. */
const unit = {
  test: {
    name: 'unit',
    include: ['test/unit/**/*.test.ts'],
    setupFiles: ['test/setup/no-processes.ts'],
    isolate: false,
    ...PATIENCE,
  },
};

/** The files that take minutes, so that none of them runs alone at the end. */
const LONG = ['answers/answers', 'compat/restore.test', 'damaged-catalog', 'answers/exchanged', 'crash/crash'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex((name) => moduleId.includes(name));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).toSorted((left, right) => rank(left) - rank(right));
  }
}

/**
 * unit: pure, no processes. integration: a real PostgreSQL on a temporary folder. compat: side by side with
 * the programs in the folder that BARMAN_REFERENCE names. crash: killed at every call that changes a file (a sample of
 * them unless BARMAN_CRASH=full). second-host: only where BARMAN_SECOND_HOST leads to one, see docs/second-host.md. Two files run at a time: most start a cluster.
 */
export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      unit,
      project('integration'),
      project('crash'),
      project('compat'),
      ...(process.env.BARMAN_SECOND_HOST ? [project('second-host')] : []),
    ],
  },
});
