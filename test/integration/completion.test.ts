/** Completion in the shells themselves: each loads the script that `barman completion` prints. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { barmanProgram, makeSandbox, runProgram, type Sandbox } from '../support/sandbox.ts';

const NEW = '20260201T000000';
const OLD = '20260101T000000';
let box: Sandbox;

beforeAll(async () => {
  box = await makeSandbox();
  await box.writeConfig('[main]\nconninfo = host=x\narchiver = on\n[my server]\nconninfo = host=x\narchiver = on');
  for (const id of [OLD, NEW]) await mkdir(join(box.home, 'main', 'base', id), { recursive: true });
  await mkdir(join(box.root, 'bin'));
  const program = join(box.root, 'bin', 'barman');
  await writeFile(
    program,
    `#!/bin/sh\ncase $1 in __complete|completion) exec '${barmanProgram}' "$@";; *) echo "ran: $*";; esac\n`,
  );
  await chmod(program, 0o755);
});
afterAll(() => box.dispose());

/** A `barman` that completes, and otherwise says how it was called. */
const env = () => ({
  PATH: `${join(box.root, 'bin')}${delimiter}${process.env.PATH}`,
  BARMAN_CONFIG_FILE: box.configFile,
  HOME: box.root,
});

/** What bash would insert: the function of the script, called as readline calls it, with the words as bash cuts them. */
async function inBash(...words: string[]): Promise<string[]> {
  const script = `
    source <(barman completion bash) || exit 9
    [[ $(complete -p barman) == "complete -F _barman barman" ]] || exit 8
    compopt() { echo "compopt $*"; }
    COMP_WORDS=(barman "$@"); COMP_CWORD=$#
    _barman barman "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const result = await runProgram('bash', ['--norc', '-c', script, 'bash', ...words], { env: env() });
  expect(result).toMatchObject({ code: 0, stderr: '' });
  return result.stdout.split('\n').filter((line) => line !== '');
}

describe('bash', () => {
  it('offers commands, options, servers, backups and values', async () => {
    expect(await inBash('list-b')).toEqual(['list-backups']);
    expect(await inBash('show-backup', 'm')).toEqual(['main', String.raw`my\ server`]);
    expect(await inBash('show-backup', 'main', '2026')).toEqual([NEW, OLD]);
    expect(await inBash('keep', '--tar')).toEqual(['--target']);
    expect(await inBash('keep', '--target', '=', 'fu')).toEqual(['full']);
    expect(await inBash('-c', '/nowhere', 'show-backup', '')).toEqual([]);
  });

  it('leaves paths to the shell', async () => {
    expect(await inBash('-c', `${box.root}/barman.c`)).toEqual(['compopt -o filenames', box.configFile]);
    expect(await inBash('restore', 'main', 'latest', `${box.root}/h`)).toEqual(['compopt -o filenames', box.home]);
  });

  it('completes a line that is typed, with the Tab key', async () => {
    const rc = join(box.root, 'bashrc');
    await writeFile(rc, 'source <(barman completion bash); PS1=\n');
    const input = 'barman show-ba\tmain 202602\t\nexit\n';
    const result = await runProgram('script', ['-qec', `bash --noprofile --rcfile ${rc} -i`, '/dev/null'], {
      env: { ...env(), TERM: 'dumb' },
      input,
    });
    expect(result.stdout).toContain(`ran: show-backup main ${NEW}`);
  });
});

describe('fish', () => {
  it('offers what barman offers', async () => {
    const ask = async (line: string) =>
      (
        await runProgram(
          'fish',
          ['--no-config', '-c', `barman completion fish | source; complete -C ${JSON.stringify(line)}`],
          {
            env: { ...env(), XDG_CONFIG_HOME: box.root, XDG_DATA_HOME: box.root },
          },
        )
      ).stdout
        .trimEnd()
        .split('\n');
    expect(await ask('barman list-b')).toEqual(['list-backups\tlist the backups of a server, newest first']);
    expect(await ask('barman show-backup main 2026')).toEqual([OLD, NEW]);
    expect(await ask('barman keep --target=fu')).toEqual(['--target=full']);
  });
});

describe('zsh', () => {
  it('completes a line that is typed, with the Tab key', async () => {
    const folder = join(box.root, 'zsh');
    await mkdir(folder);
    await writeFile(
      join(folder, '.zshrc'),
      'autoload -Uz compinit; compinit -u -D; source <(barman completion zsh); PS1=; zstyle ":completion:*" insert-tab false\n',
    );
    const result = await runProgram('script', ['-qec', 'zsh -i', '/dev/null'], {
      env: { ...env(), ZDOTDIR: folder, TERM: 'dumb' },
      input: 'barman show-ba\tmain 202602\t\nexit\n',
    });
    expect(result.stdout).toContain(`ran: show-backup main ${NEW}`);
  });
});

describe('__complete', () => {
  it('never says anything when there is nothing to say', async () => {
    const broken = join(box.root, 'broken.conf');
    await writeFile(broken, 'no section\n');
    const secret = join(box.root, 'secret.conf');
    await writeFile(secret, '');
    await chmod(secret, 0);
    for (const config of [broken, secret, '/nowhere', box.root]) {
      const result = await box.barman(['__complete', '-c', config, 'check', ''], { withoutConfig: true });
      expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
    }
  });

  it('writes no log and starts no work', async () => {
    expect(await box.barman(['__complete', '-c', box.configFile, 'check', ''], { withoutConfig: true })).toEqual({
      code: 0,
      stdout: 'main\nmy server\nall\tevery configured server\n',
      stderr: '',
    });
    await expect(chmod(box.logFile, 0o600)).rejects.toThrow('ENOENT');
  });
});
