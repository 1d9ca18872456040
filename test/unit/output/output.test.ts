import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { consoleOutput } from '../../../src/output/console.ts';
import { jsonOutput } from '../../../src/output/json.ts';
import { nagiosOutput } from '../../../src/output/nagios.ts';
import type { Result } from '../../../src/output/output.ts';

class Sink extends Writable {
  text = '';
  isTTY = false;
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const silentLog = { debug: () => {}, info: () => {}, warning: () => {}, error: () => {} };

function makeConsole(
  options: { quiet?: boolean; debug?: boolean; color?: 'always' | 'auto'; terminal?: boolean } = {},
) {
  const stdout = new Sink();
  const stderr = new Sink();
  stdout.isTTY = stderr.isTTY = options.terminal ?? false;
  const output = consoleOutput({
    stdout,
    stderr,
    color: options.color ?? 'auto',
    quiet: options.quiet ?? false,
    debug: options.debug ?? false,
    log: silentLog,
  });
  return { output, stdout, stderr };
}

function checkResult(
  server: string,
  name: string,
  ok: boolean,
  extra: { active?: boolean; bytes?: number } = {},
): Result {
  const perfdata = extra.bytes === undefined ? {} : { perfdata: { label: server, bytes: extra.bytes } };
  return {
    console: (paint) => [`${name}: ${ok ? paint.green('OK') : paint.red('FAILED')}`],
    json: () => ({ [server]: { [name]: { status: ok ? 'OK' : 'FAILED', hint: '' } } }),
    check: { server, active: extra.active ?? true, result: { name, ok, hint: ok ? '' : 'why', ...perfdata } },
  };
}

describe('console', () => {
  it('puts news on stdout and the rest on stderr, and fails on an error', () => {
    const { output, stdout, stderr } = makeConsole({ debug: true });
    output.info('news');
    output.debug('detail');
    output.warning('careful');
    expect(output.close()).toBe(0);
    output.error('broken');
    output.exception('crashed');
    expect(stdout.text).toBe('news\n');
    expect(stderr.text).toBe('DEBUG: detail\nWARNING: careful\nERROR: broken\nEXCEPTION: crashed\n');
    expect(output.close()).toBe(1);
  });

  it('keeps an explicit exit code over later plain errors', () => {
    const { output } = makeConsole();
    output.error('bad name', { exitCode: 3 });
    output.error('more');
    expect(output.close()).toBe(3);
  });

  it('is silent but for problems when quiet', () => {
    const { output, stdout, stderr } = makeConsole({ quiet: true });
    output.info('news');
    output.result(checkResult('pg', 'ssh', false));
    output.warning('careful');
    expect(stdout.text).toBe('');
    expect(stderr.text).toBe('WARNING: careful\n');
    expect(output.close()).toBe(1);
  });

  it('colours only when asked or on two terminals', () => {
    const always = makeConsole({ color: 'always' });
    always.output.error('broken');
    expect(always.stderr.text).toBe('\u001b[31mERROR: broken\u001b[0m\n');
    const terminal = makeConsole({ terminal: true });
    terminal.output.result(checkResult('pg', 'ssh', true));
    expect(terminal.stdout.text).toBe('ssh: \u001b[32mOK\u001b[0m\n');
    const piped = makeConsole();
    piped.output.result(checkResult('pg', 'ssh', true));
    expect(piped.stdout.text).toBe('ssh: OK\n');
  });

  it('never prints a password', () => {
    const { output, stderr, stdout } = makeConsole();
    output.error("cannot connect: host=h password = 's3 cret' user=u");
    output.info('postgresql://u:s3cret@h/db');
    expect(stderr.text + stdout.text).not.toContain('s3');
  });

  it('draws a progress line on a terminal only, and clears it before a message', () => {
    const terminal = makeConsole({ terminal: true });
    terminal.output.progress.update('50%');
    terminal.output.info('done');
    expect(terminal.stdout.text).toBe('\r\u001b[K50%\r\u001b[Kdone\n');
    const piped = makeConsole();
    piped.output.progress.update('50%');
    expect(piped.stdout.text).toBe('');
    expect(makeConsole({ terminal: true, quiet: true }).output.progress.enabled).toBe(false);
  });
});

describe('json', () => {
  it('prints one sorted document without a newline', () => {
    const stdout = new Sink();
    const output = jsonOutput({ stdout, quiet: false, debug: false, log: silentLog });
    output.info('b');
    output.debug('hidden nowhere but the log');
    output.error('a');
    output.result(checkResult('pg', 'ssh', true));
    expect(stdout.text).toBe('');
    expect(output.close()).toBe(1);
    expect(JSON.parse(stdout.text)).toEqual({
      _DEBUG: undefined,
      _ERROR: ['a'],
      _INFO: ['b'],
      pg: { ssh: { status: 'OK', hint: '' } },
    });
    expect(stdout.text.endsWith('}')).toBe(true);
  });

  it('prints nothing at all when quiet', () => {
    const stdout = new Sink();
    const output = jsonOutput({ stdout, quiet: true, debug: false, log: silentLog });
    output.error('a');
    expect(output.close()).toBe(1);
    expect(stdout.text).toBe('');
  });
});

describe('nagios', () => {
  function nagios(results: readonly Result[], act: (error: (text: string) => void) => void = () => {}) {
    const stdout = new Sink();
    const output = nagiosOutput({ stdout, prefix: '', log: silentLog });
    for (const result of results) output.result(result);
    act((text) => output.error(text));
    const code = output.close();
    return { text: stdout.text, code };
  }

  it('is content', () => {
    expect(nagios([checkResult('pg', 'size', true, { bytes: 12 })])).toEqual({
      text: 'BARMAN OK - Ready to serve the Espresso backup for pg|pg=12B\n',
      code: 0,
    });
    expect(nagios([checkResult('a', 'x', true), checkResult('b', 'x', true)]).text).toBe(
      'BARMAN OK - Ready to serve the Espresso backup for 2 servers * a * b\n',
    );
  });

  it('names what failed', () => {
    expect(nagios([checkResult('z', 'ssh', false, { bytes: 0 }), checkResult('z', 'slot', false)])).toEqual({
      text: 'BARMAN CRITICAL - server z has issues * z FAILED: ssh, slot|z=0B\nz.ssh: FAILED (why)\nz.slot: FAILED (why)\n',
      code: 2,
    });
  });

  it('ignores inactive servers until an active one fails', () => {
    const inactive = checkResult('off', 'ssh', false, { active: false });
    expect(nagios([inactive, checkResult('on', 'x', true)]).text).toBe(
      'BARMAN OK - Ready to serve the Espresso backup for on * IGNORING: off\n',
    );
    expect(nagios([inactive])).toEqual({ text: 'BARMAN OK - No server configured * IGNORING: off\n', code: 0 });
    expect(nagios([inactive, checkResult('on', 'x', false)]).text).toMatch(
      /^BARMAN CRITICAL - 2 server out of 2 have issues \* off FAILED: ssh \* on FAILED: x\n/,
    );
  });

  it('fails on an unknown server', () => {
    expect(nagios([], (error) => error("Unknown server 'x'"))).toEqual({
      text: 'BARMAN CRITICAL - Global configuration errors\n',
      code: 2,
    });
  });
});
