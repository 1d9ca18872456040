/** `barman completion SHELL`: the script that makes a shell ask `barman __complete`. A command of our own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { selfCommand } from '../host/self.ts';

export interface CompletionOptions {
  readonly shell: 'bash' | 'zsh' | 'fish';
}

export async function run(_ctx: unknown, { shell }: CompletionOptions): Promise<void> {
  const [, launcher] = selfCommand();
  process.stdout.write(await readFile(join(launcher, `../../etc/completion/barman.${shell}`)));
}
