/**
 * Commands as the guides of Barman 0.x and 1.x spell them. Only words that are no command today are read this way:
 * `barman backup show main` takes backups, as it says.
 */
import type { SplitWords } from './words.ts';

/** `barman server WORD ...` */
const SERVER_WORDS: Readonly<Record<string, string>> = {
  show: 'show-servers',
  check: 'check',
  status: 'status',
  backup: 'backup',
  list: 'list-backups',
  delete: 'delete',
  recover: 'restore',
};

/** The same words with the command as it is called now; unchanged when there is nothing old about them. */
export function modernWords(words: SplitWords): SplitWords {
  const { name, after } = words;
  if (name === 'list') return { ...words, name: 'list-servers' };
  if (name !== 'server') return words;
  const [word = '', ...others] = after;
  // `server list` without a server lists the servers.
  if (word === 'list' && (others[0] ?? '-').startsWith('-')) {
    return { ...words, name: 'list-servers', after: others };
  }
  const modern = Object.hasOwn(SERVER_WORDS, word) ? SERVER_WORDS[word] : undefined;
  return modern === undefined ? words : { ...words, name: modern, after: others };
}
