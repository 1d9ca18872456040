/** The words for a program that failed. */
import { describe, expect, it } from 'vitest';
import {
  cannotStart,
  type CommandEnd,
  commandFailure,
  howItEnded,
  reasonOf,
} from '../../../../src/host/process/failure.ts';

const END: CommandEnd = {
  command: '/usr/bin/tool',
  args: ['-x', 'two words'],
  code: 3,
  signal: null,
  stderr: '',
  durationMs: 12,
  timedOut: false,
};

describe('howItEnded', () => {
  it.each<[string, Partial<CommandEnd>]>([
    ['failed with exit code 3', {}],
    ['was ended by SIGKILL', { code: null, signal: 'SIGKILL' }],
    ['failed with exit code 3 after 75 s', { durationMs: 75_100 }],
    ['did not end within 10 s', { code: null, signal: 'SIGTERM', timedOut: true, durationMs: 10_012 }],
  ])('%s', (text, facts) => {
    expect(howItEnded({ ...END, ...facts })).toBe(text);
  });
});

describe('commandFailure', () => {
  it('has the command as it can be typed, the end and the last words', () => {
    const failure = commandFailure({ ...END, stderr: 'first\nsecond\n' });
    expect(failure.message).toBe("/usr/bin/tool -x 'two words' failed with exit code 3: first\nsecond");
    expect(failure.end.code).toBe(3);
    expect(commandFailure(END).message).toBe("/usr/bin/tool -x 'two words' failed with exit code 3");
  });

  it('keeps a message short and a password out of it', () => {
    const stderr = `${'a'.repeat(5_000)}end`;
    expect(commandFailure({ ...END, stderr }).message.length).toBeLessThan(2_100);
    const args = ["--dbname=host=x password='it is secret' user=y"];
    expect(commandFailure({ ...END, args }).message).toBe(
      "/usr/bin/tool '--dbname=host=x password=*REDACTED* user=y' failed with exit code 3",
    );
  });
});

describe('reasonOf', () => {
  it('is what the program said, else how it ended', () => {
    expect(reasonOf({ ...END, stderr: ' said\n' })).toBe('said');
    expect(reasonOf({ ...END, stderr: 'other' }, 'said\n')).toBe('said');
    expect(reasonOf({ ...END, args: ['secret'] })).toBe('tool failed with exit code 3');
  });
});

it('a program that cannot be started is told without its arguments', () => {
  const cause = Object.assign(new Error('spawn tool ENOENT'), { errno: -2, code: 'ENOENT' });
  expect(cannotStart('tool', cause).message).toBe("cannot start 'tool': No such file or directory");
});
