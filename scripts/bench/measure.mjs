// Timing and memory of whole commands.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Wall time of one run, milliseconds. The command must succeed, unless `mayFail` (a check that finds something). */
export function timeOnce([command, ...args], env = {}, mayFail = false) {
  const started = performance.now();
  const result = spawnSync(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  const elapsed = performance.now() - started;
  if (result.status !== 0 && !mayFail)
    throw new Error(`${command} ${args.join(' ')} ended with ${result.status}: ${result.stderr}`);
  return elapsed;
}

/** Medians of several commands, run in turns so that a busy moment hits all of them. `between` runs after each. */
export async function medians(commands, { runs, warmup = 1, between = async () => {} }) {
  const times = commands.map(() => []);
  for (let round = -warmup; round < runs; round += 1) {
    for (const [index, command] of commands.entries()) {
      const elapsed = timeOnce(command.argv, command.env, command.mayFail);
      if (round >= 0) times[index].push(elapsed);
      await between(command);
    }
  }
  return times.map((list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]);
}

/** Peak resident memory of one run, MiB (sampled from the kernel's high-water mark). */
export function peakMemory([command, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    let peak = 0;
    const timer = setInterval(() => {
      try {
        const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
        peak = Math.max(peak, Number(match?.[1] ?? 0) / 1024);
      } catch {
        // It has just ended.
      }
    }, 2);
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(timer);
      if (code === 0) resolve(peak);
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}`));
    });
  });
}
