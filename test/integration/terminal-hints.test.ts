/** What is only for the eyes of somebody at a terminal (script(1) gives one): everywhere else stderr is Barman's, to the byte. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { catalogHome, span } from '../support/catalog-home.ts';
import { barmanProgram, makeSandbox, runProgram, type Sandbox } from '../support/sandbox.ts';

let box: Sandbox;
beforeAll(async () => {
  box = await makeSandbox();
  await box.writeConfig('[main]\nconninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on');
  await catalogHome(box.home).addBackup('main', '20261101T040000', span(2, 3));
});
afterAll(() => box.dispose());

async function atTerminal(words: string): Promise<string> {
  const command = `${process.execPath} ${barmanProgram} -c ${box.configFile} --color never ${words}`;
  return (await runProgram('script', ['-qec', command, '/dev/null'])).stdout.replaceAll('\r', '');
}

it.each([
  ['status mian', "Unknown server 'mian'", `did you mean 'main'? "barman list-servers" shows the names`],
  ['show-backup xyz latest', "Unknown server 'xyz'", '"barman list-servers" shows the names'],
  [
    'show-backup main 20261101T040001',
    "Unknown backup '20261101T040001' for server 'main'",
    `did you mean '20261101T040000'? "barman list-backups main" shows the backups`,
  ],
  [
    'keep --status main last-failed',
    "Unknown backup 'last-failed' for server 'main'",
    '"barman list-backups main" shows the backups',
  ],
])('%s', async (words, error, hint) => {
  expect(await atTerminal(words)).toBe(`ERROR: ${error}\nHINT: ${hint}\n`);
  expect(await box.barman(words.split(' '))).toEqual({ code: 1, stdout: '', stderr: `ERROR: ${error}\n` });
  expect(await box.barman(['-f', 'json', ...words.split(' ')])).toMatchObject({
    code: 1,
    stdout: JSON.stringify({ _ERROR: [error] }).replaceAll(/":/g, '": '),
    stderr: '',
  });
});

it('an unknown command', async () => {
  const lines = (await atTerminal('lst-backups main')).trimEnd().split('\n');
  expect(lines.at(-2)).toMatch(/^barman: error: argument command: invalid choice: 'lst-backups' /);
  expect(lines.at(-1)).toBe('HINT: did you mean "barman list-backups"?');
  const elsewhere = await box.barman(['lst-backups', 'main']);
  expect(elsewhere.code).toBe(2);
  expect(elsewhere.stderr.trimEnd().split('\n')).toEqual(lines.slice(0, -1));
});
