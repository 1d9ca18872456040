/**
 * Words and shells. A command line that the administrator wrote is cut into words as a shell cuts it, without anything
 * else a shell does; a word of ours that meets a shell is quoted so that it arrives as it is.
 * Source: docs/behaviour/config.md 8 (`ssh_command`); POSIX shell, "Quoting".
 */

/**
 * Cuts at blanks; quotes and backslashes hold a word together. A line whose quotes do not close is cut at blanks alone, as
 * Barman cuts every line.
 */
export function splitShellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] as string;
    const next = line[at + 1];
    if (quote === "'") {
      if (char === quote) quote = undefined;
      else word += char;
    } else if (quote === '"') {
      if (char === quote) quote = undefined;
      else if (char === '\\' && next !== undefined && '"\\$`'.includes(next)) {
        word += next;
        at += 1;
      } else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= '';
    } else if (char === '\\' && next !== undefined) {
      word = (word ?? '') + next;
      at += 1;
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (quote !== undefined) return line.split(/\s+/).filter((part) => part !== '');
  if (word !== undefined) words.push(word);
  return words;
}

/** One word for a POSIX shell, whatever it holds (NUL cannot be in a word). */
export function quoteForShell(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** The same as a person would type it: quoted only where it has to be. */
export function typedWord(word: string): string {
  return /^[\w./@:+,=-]+$/.test(word) ? word : quoteForShell(word);
}

/** One word for rsync's `-e`, which knows quotes but no backslash: a quote inside is doubled. */
export function quoteForRsyncShell(word: string): string {
  return `'${word.replaceAll("'", "''")}'`;
}
