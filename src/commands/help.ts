/** `barman help`: the general help, once the configuration has proved readable. */
import type { CommandContext } from '../server/context.ts';

export interface HelpOptions {
  /** The page, made by the command line that knows the table. */
  readonly page: string;
}

export async function run(_ctx: CommandContext, options: HelpOptions): Promise<void> {
  process.stdout.write(options.page);
}
