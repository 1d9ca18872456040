/**
 * The writer of `check --nagios`: one verdict line with performance data, then the failures.
 * Source: docs/behaviour/cli.md 5.4.
 */
import type { CheckResult } from '../domain/check-result.ts';
import { redactSecrets } from '../domain/redaction.ts';
import { type MessageLog, NO_PROGRESS } from './messages.ts';
import type { Output } from './output.ts';

interface CheckedServer {
  readonly name: string;
  readonly active: boolean;
  readonly failed: CheckResult[];
}

export interface NagiosOptions {
  readonly stdout: NodeJS.WritableStream;
  /** Written before the verdict. */
  readonly prefix: string;
  readonly log: MessageLog;
}

export function nagiosOutput(options: NagiosOptions): Output {
  const { log } = options;
  const servers = new Map<string, CheckedServer>();
  const perfdata: string[] = [];
  let failedElsewhere = false;
  return {
    format: 'nagios',
    progress: NO_PROGRESS,
    debug: (text) => log.debug(text),
    info: (text) => log.info(text),
    warning: (text) => log.warning(text),
    error: (text) => {
      log.error(text);
      failedElsewhere = true;
    },
    hint: () => {},
    exception: (text, stack) => {
      log.error(text, stack);
      failedElsewhere = true;
    },
    result: ({ check }) => {
      if (!check) return;
      const server = servers.get(check.server) ?? { name: check.server, active: check.active, failed: [] };
      servers.set(check.server, server);
      if (check.result?.perfdata) perfdata.push(`${check.result.perfdata.label}=${check.result.perfdata.bytes}B`);
      if (check.result && !check.result.ok) server.failed.push(check.result);
    },
    close: () => {
      const { text, exitCode } = verdict([...servers.values()], perfdata, failedElsewhere);
      options.stdout.write(`${options.prefix}${redactSecrets(text)}\n`);
      return exitCode;
    },
  };
}

function verdict(
  servers: readonly CheckedServer[],
  perfdata: readonly string[],
  failedElsewhere: boolean,
): { text: string; exitCode: number } {
  const issues = servers.filter((server) => server.failed.length > 0);
  const bar = perfdata.length > 0 ? `|${perfdata.join(' ')}` : '';
  if (issues.some((server) => server.active)) {
    const lists = issues
      .map((server) => ` * ${server.name} FAILED: ${server.failed.map((check) => check.name).join(', ')}`)
      .join('');
    const subject =
      servers.length === 1
        ? `server ${issues[0]?.name} has issues`
        : `${issues.length} server out of ${servers.length} have issues`;
    const details = issues.flatMap((server) =>
      server.failed.map((check) => `\n${server.name}.${check.name}: FAILED${check.hint ? ` (${check.hint})` : ''}`),
    );
    return { text: `BARMAN CRITICAL - ${subject}${lists}${bar}${details.join('')}`, exitCode: 2 };
  }
  if (failedElsewhere) return { text: 'BARMAN CRITICAL - Global configuration errors', exitCode: 2 };
  const ignored = issues.map((server) => ` * IGNORING: ${server.name}`).join('');
  const good = servers.filter((server) => server.failed.length === 0).map((server) => server.name);
  if (good.length === 0) return { text: `BARMAN OK - No server configured${ignored}`, exitCode: 0 };
  const ready = good.length === 1 ? good[0] : `${good.length} servers${good.map((name) => ` * ${name}`).join('')}`;
  return { text: `BARMAN OK - Ready to serve the Espresso backup for ${ready}${ignored}${bar}`, exitCode: 0 };
}
