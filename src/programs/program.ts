/** What both clients do around their work: help, version, usage errors, exit code. */
import { COMPATIBLE_VERSION } from '../domain/version.ts';
import { type ClientSpec, type CommandLine, helpPage, readCommandLine, UsageError, usageLine } from './command-line.ts';
import { tellStandardError } from '../host/standard-error.ts';

/** Runs the program and ends the process with its exit code. */
export function runClient(spec: ClientSpec, main: (line: CommandLine) => Promise<number>): void {
  run(spec, main).then(
    (code) => process.exit(code),
    (error: unknown) => {
      tellStandardError(`ERROR: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(2);
    },
  );
}

async function run(spec: ClientSpec, main: (line: CommandLine) => Promise<number>): Promise<number> {
  try {
    const line = readCommandLine(spec, process.argv.slice(2));
    if (line.values.has('help')) process.stdout.write(helpPage(spec));
    else if (line.values.has('version')) process.stdout.write(`${spec.program} ${COMPATIBLE_VERSION}\n`);
    else return await main(line);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    tellStandardError(`${usageLine(spec)}${spec.program}: error: ${error.message}\n`);
    return 2;
  }
}
