/**
 * `barman cron --daemon`: a scheduler that stays in the foreground. Every minute it runs the maintenance (an ordinary
 * `barman cron` in a child process), and it starts the backups that the servers' `backup_schedule` asks for. A job that
 * still runs is never started twice. The configuration is read again before each maintenance.
 *
 * SIGTERM and SIGINT: nothing new is started, running children are told to stop (a backup records itself as FAILED) and
 * awaited, so that the service stops soon and the catalog tells the truth.
 */
import type { Child } from '../host/process/child.ts';
import { howItEnded } from '../host/process/failure.ts';
import { startSelf } from '../host/self.ts';
import type { Config } from '../config/load.ts';
import { BarmanError, messageOf } from '../domain/errors.ts';
import { roleOf } from '../domain/server-role.ts';
import { zonedText, timestampOf } from '../domain/time/timestamp.ts';
import { warnOfHostZone } from '../host/host-zone.ts';
import type { CommandContext } from '../server/context.ts';
import { reportConflicts } from '../server/select.ts';
import { takeDaemonLock } from '../server/locks.ts';
import type { Alarm } from './timetable.ts';

/** Runs until a signal arrives. */
export async function runDaemon(ctx: CommandContext): Promise<void> {
  if (reportConflicts(ctx)) return;
  const lock = await takeDaemonLock(ctx);
  if (lock === null) return;
  const jobs = makeJobs(ctx);
  const timetable = await makeTimetable(ctx, jobs);
  try {
    warnOfHostZone(ctx.output);
    ctx.output.info(`Scheduler started (pid ${process.pid}): maintenance every minute, Ctrl-C or SIGTERM to stop`);
    timetable.apply(ctx.configuration);
    timetable.everyMinute(async () => {
      await timetable.reload();
      jobs.start('maintenance', ['-q', 'cron']);
    });
    jobs.start('maintenance', ['-q', 'cron']);
    await aborted(ctx.signal);
  } finally {
    timetable.stop();
    ctx.output.info('Scheduler stopping');
    await jobs.stop();
    await lock.release();
  }
  ctx.output.info('Scheduler stopped');
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

interface Jobs {
  /** Starts `barman ARGS` unless the job of this name still runs. */
  start(name: string, args: readonly string[]): void;
  /** Tells every running job to stop and waits for its end. */
  stop(): Promise<void>;
}

function makeJobs(ctx: CommandContext): Jobs {
  const running = new Map<string, { readonly child: Child; readonly end: Promise<void> }>();
  const isNews = (name: string) => name !== 'maintenance';
  const watch = async (name: string, child: Child) => {
    try {
      const end = await child.done;
      if (end.code === 0) {
        if (isNews(name)) ctx.output.info(`Finished: ${name}`);
      } else ctx.output.warning(`${name} ${howItEnded(end)}; its messages are in the log`);
    } catch (error) {
      ctx.output.warning(`${name} could not be started: ${messageOf(error)}`);
    } finally {
      running.delete(name);
    }
  };
  let isStopping = false;
  return {
    start: (name, args) => {
      if (isStopping) return;
      if (running.has(name)) {
        ctx.output.warning(`Skipped: ${name}, the previous one is still running`);
        return;
      }
      const child = startSelf(ctx, args, ['ignore', 'inherit', 'inherit']);
      if (isNews(name)) ctx.output.info(`Started: ${name} (pid ${child.pid ?? 'unknown'})`);
      running.set(name, { child, end: watch(name, child) });
    },
    stop: async () => {
      isStopping = true;
      const jobs = [...running.entries()];
      for (const [name, { child }] of jobs) {
        if (isNews(name)) ctx.output.info(`Stopping: ${name} (pid ${child.pid ?? 'unknown'})`);
        child.end();
      }
      await Promise.all(jobs.map(([, { end }]) => end));
    },
  };
}

interface Timetable {
  /** Schedules the backups of this configuration in place of the earlier ones. */
  apply(config: Config): void;
  /** Reads the configuration again; one that cannot be read leaves everything as it is. */
  reload(): Promise<void>;
  everyMinute(work: () => Promise<void>): void;
  stop(): void;
}

async function makeTimetable(ctx: CommandContext, jobs: Jobs): Promise<Timetable> {
  const { everyMinute, readSchedule, setAlarm } = await import('./timetable.ts');
  const backups = new Map<string, { readonly expression: string; readonly alarm: Alarm | null }>();
  const others: { readonly stop: () => void }[] = [];

  const add = (name: string, expression: string) => {
    const schedule = readSchedule(expression);
    if ('reason' in schedule) {
      ctx.output.error(
        `server '${name}': backup_schedule '${expression}' is not a cron expression (${schedule.reason}); it gets no scheduled backups`,
      );
      backups.set(name, { expression, alarm: null });
      return;
    }
    const alarm = setAlarm(schedule, () => jobs.start(`backup of server '${name}'`, ['-q', 'backup', name]));
    backups.set(name, { expression, alarm });
    const due = alarm.due();
    const next = due === null ? 'never' : zonedText(timestampOf(new Date(due)));
    ctx.output.info(`Server '${name}': backup at '${expression}', next ${next}`);
  };
  const apply = (config: Config) => {
    const wanted = schedules(config);
    for (const [name, { expression, alarm }] of backups) {
      if (wanted.get(name) === expression) continue;
      alarm?.stop();
      backups.delete(name);
      if (!wanted.has(name)) ctx.output.info(`Server '${name}': no scheduled backups any more`);
    }
    for (const [name, expression] of wanted) if (!backups.has(name)) add(name, expression);
  };
  return {
    apply,
    reload: async () => {
      try {
        const { loadConfig, readMainFile } = await import('../config/load.ts');
        apply(loadConfig(readMainFile({ path: ctx.configuration.path, env: ctx.env })));
      } catch (error) {
        if (!(error instanceof BarmanError)) throw error;
        ctx.output.warning(`the configuration cannot be read, the schedule stays as it is: ${error.message}`);
      }
    },
    everyMinute: (work) => {
      const run = () =>
        work().catch((error: unknown) =>
          ctx.output.exception(messageOf(error), error instanceof Error ? error.stack : undefined),
        );
      others.push(everyMinute(() => void run()));
    },
    stop: () => {
      for (const { stop } of others) stop();
      for (const { alarm } of backups.values()) alarm?.stop();
    },
  };
}

/** The servers that want scheduled backups and can have them. */
function schedules(config: Config): Map<string, string> {
  const wanted = new Map<string, string>();
  for (const server of config.servers.values()) {
    const expression = server.backupSchedule;
    if (expression && roleOf(server).isScheduled) wanted.set(server.name, expression);
  }
  return wanted;
}
