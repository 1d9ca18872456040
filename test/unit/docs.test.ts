/** Every command has its page, and the page names every option; versions agree. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { OWN_VERSION, VERSION_LINE } from '../../src/domain/version.ts';

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');

describe('documentation', () => {
  it.each(COMMANDS)('docs/commands/$name.md', (command) => {
    const page = read(`docs/commands/${command.name}.md`);
    const options = command.options.flatMap((option) => option.flags.match(/--?[a-z][a-z0-9-]*/g) ?? []);
    expect(options.filter((name) => !page.includes(`\`${name}`) && !page.includes(` ${name} `))).toEqual([]);
    expect((command.aliases ?? []).filter((alias) => !page.includes(alias))).toEqual([]);
  });

  it('says its version truthfully, after the word that scripts compare', () => {
    expect(VERSION_LINE.split(' ')[0]).toBe('3.20.1');
    expect(VERSION_LINE).toContain(`Barman in TypeScript ${OWN_VERSION}`);
    expect(OWN_VERSION).toBe((JSON.parse(read('package.json')) as { version: string }).version);
  });
});
