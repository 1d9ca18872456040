// npm run bench [-- NAME ...]: our times as ratios, all measured in one run. The reference is the `barman` in the folder that
// BARMAN_REFERENCE names; without it only the comparisons with `node -e 0` are made.
import { join } from 'node:path';
import { require as need } from './prerequisites.mjs';
import { runUnprivileged } from './unprivileged.mjs';

need(['postgresql', 'flock', 'rsync', 'sshd', 'ssh', 'zstd']);
process.exitCode = runUnprivileged(process.execPath, [join('scripts', 'bench', 'run.mjs'), ...process.argv.slice(2)]);
