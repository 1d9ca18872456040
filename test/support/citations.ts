/**
 * Citations of our own documents: `docs/behaviour/wal.md 3 step 3, faults.md REF4 and B9`. A name without a folder is the
 * document beside the one cited before it, or one at the root of the repository. Behind a name come places in it:
 * sections, numbered items (`step`), rows of a table by their first cell (`row 26`, `REF7`), and titles in quotes.
 */

/** One document that a text names, and the places in it. */
export interface Citation {
  readonly document: string;
  readonly places: readonly Place[];
}

interface Place {
  readonly kind: 'section' | 'step' | 'row' | 'title';
  readonly name: string;
  /** Of a step: the section it is in, if one was named before it. */
  readonly section: string | undefined;
}

const NAME = /(?<![\w/}.*-])(?:[\w.-]+\/)*[A-Za-z][\w.-]*\.md\b/g;
const PLACE =
  /^(?:,? and |,? | to )(?:rows? (\d+[a-z]?(?:(?:, | and | to )\d+[a-z]?)*(?![\d.]*\d))|steps? (\d+(?: (?:and|to) \d+)*)|"([^"]+)"|(REF\d+|[A-HS]\d{1,2})\b|(\d+[a-z]?(?:\.\d+)*))/;

/** Comments of a source file, or the whole text of any other file, without the marks that begin its lines. */
export function commentsOf(path: string, text: string): string[] {
  if (!/\.m?[jt]s$/.test(path)) return [text.replace(/\n\s*#+ ?/g, ' ')];
  const found = text.match(/\/\*[\s\S]*?\*\/|(?:^|\s)\/\/.*(?:\n\s*\/\/.*)*/g) ?? [];
  return found.map((comment) => comment.replace(/\n\s*(?:\*(?!\/)|\/\/)? ?/g, ' '));
}

/** The documents that a text cites, in order. `home` is the folder that a first name without a folder is sought in. */
export function citationsOf(text: string, home = ''): Citation[] {
  let folder = home;
  return [...text.matchAll(NAME)].map((match) => {
    const slash = match[0].lastIndexOf('/');
    if (slash >= 0) folder = match[0].slice(0, slash + 1);
    const document = slash >= 0 ? match[0] : `${folder}${match[0]}`;
    return { document, places: placesIn(text.slice(match.index + match[0].length)) };
  });
}

function placesIn(text: string): Place[] {
  const places: Place[] = [];
  let rest = text;
  let section: string | undefined;
  for (let match = PLACE.exec(rest); match; match = PLACE.exec(rest)) {
    rest = rest.slice(match[0].length);
    const [, rows, steps, title, fault, number] = match;
    if (number !== undefined) section = number;
    if (rows !== undefined || steps !== undefined) {
      const kind = rows === undefined ? 'step' : 'row';
      for (const name of (rows ?? steps)?.match(/\d+[a-z]?/g) ?? []) places.push({ kind, name, section });
    } else if (title !== undefined) places.push({ kind: 'title', name: title, section });
    else if (fault !== undefined) places.push({ kind: 'row', name: fault, section });
    else if (number !== undefined) places.push({ kind: 'section', name: number, section });
  }
  return places;
}

/** What of a citation is not there; `read` gives a document's text or undefined. */
export function problemsOf(citation: Citation, read: (document: string) => string | undefined): string[] {
  const text = read(citation.document);
  if (text === undefined) return [`${citation.document} does not exist`];
  return citation.places
    .filter((place) => !isThere(place, text))
    .map((place) => `${citation.document} has no ${place.kind} ${place.name}`);
}

function isThere(place: Place, text: string): boolean {
  const name = place.name.replaceAll('.', '\\.');
  switch (place.kind) {
    case 'section':
      return new RegExp(`^#+ ${name}\\.? `, 'm').test(text);
    case 'row':
      return new RegExp(`^\\| \\**${name}\\** \\|`, 'm').test(text);
    case 'title':
      return new RegExp(`^#+ (?:[\\d.]+ )?${name}|\\*\\*${name}`, 'm').test(text);
    case 'step':
      return new RegExp(`(?:^|; )${name}\\. `, 'm').test(
        place.section === undefined ? text : sectionOf(place.section, text),
      );
  }
}

/** The text of one section up to the next heading. */
function sectionOf(number: string, text: string): string {
  const start = new RegExp(`^#+ ${number.replaceAll('.', '\\.')}\\.? .*$`, 'm').exec(text);
  if (!start) return '';
  const body = text.slice(start.index + start[0].length);
  const end = body.search(/^#+ \d/m);
  return end < 0 ? body : body.slice(0, end);
}
