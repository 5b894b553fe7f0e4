// What the parsers of YAML and TOML say, in the words of people who write configuration. What is not here is said as
// they say it.

const WORDS: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/^bad indentation of a (mapping|sequence) entry/, 'the line does not fit where it stands: it is indented unlike its neighbours, or the line above is not finished'],
  [/^deficient indentation/, 'the line is indented less than what it belongs to: what began above, such as a list in brackets or a text in quotes, is not finished'],
  [/^unexpected end of the stream within a (single|double) quoted/, 'a text in $1 quotes is never closed'],
  [/^unexpected end of the document within a (single|double) quoted/, 'a text in $1 quotes is not closed before the document ends'],
  [/^unexpected end of the stream within a flow/, 'a list or map in brackets is never closed'],
  [/^missed comma between flow/, 'a comma is missing between two entries in brackets, or a bracket is not closed'],
  [/^expected the node content, but found ','/, 'a comma too many'],
  [/^can not read a block mapping entry; a multiline key/, 'a key without a colon: write "key: value"'],
  [/^expected ':' after a mapping key/, 'a colon is missing behind the key'],
  [/^a whitespace character is expected after the key-value separator/, 'a space is missing behind the colon'],
  [/^tab characters must not be used in indentation/, 'the line is indented with a tab; YAML takes spaces alone'],
  [/^unidentified alias (".*")/, '$1 is taken for a reference to something named before; put a value that begins with "*" in quotes'],
  [/^name of an alias node/, '"*" begins a reference to something named before; put the value in quotes'],
  [/^name of an anchor node/, '"&" begins a name for what follows; put the value in quotes'],
  [/^(?:tag |undeclared tag|unknown \w+ tag|cannot resolve a node with|named tag|unexpected end of the stream within a verbatim tag)/, '"!" begins a type that YAML does not know here; put the value in quotes'],
  [/^unknown escape sequence|^expected hexadecimal character/, 'a backslash between double quotes that begins nothing known; use single quotes'],
  [/^(?:null byte|the stream contains non-printable)/, 'the file holds bytes that no text has; save it as UTF-8'],
  [/^end of the stream or a document separator is expected/, 'what stands here is no "key: value", or is indented less than the first line of the file'],
  [/^a line break is expected/, 'behind "|" or ">" the text begins on the next line'],
  [/^(?:ill-formed|directive|unacceptable YAML version)/, '"%" begins a directive; put the value in quotes'],
  [/^(?:trying to redefine)/, 'this name is defined already'],
  [/^illegal character in key/, 'a key is followed by "="; names with other characters than letters, digits, "-" and "_" stand in quotes'],
  [/^invalid value/, 'this is no value of TOML: text stands in quotes'],
  [/^control characters are not allowed in strings/, 'a text in quotes is not closed in its line; text of several lines stands between three double quotes'],
  [/^unfinished string/, 'the text in quotes is never closed'],
  [/^each key-value declaration must be followed by an end-of-line/, 'something stands behind the value: a quote within the text, or a second entry in the line'],
  [/^incomplete key-value/, 'a key without "=" and a value'],
  [/^expected comma or end of structure/, 'a comma is missing, or a bracket is never closed'],
  [/^unrecognised escape sequence/, 'a backslash between double quotes that begins nothing known; use single quotes'],
  [/^unexpected end of key/, 'a value without a key'],
]; // prettier-ignore

export function parserWords(reason: string): string {
  const bare = reason.replace(/^Invalid TOML document: /, '');
  for (const [pattern, words] of WORDS) {
    const match = pattern.exec(bare);
    if (match !== null) return words.replaceAll(/\$(\d)/g, (_, group: string) => match[Number(group)] ?? '');
  }
  return bare;
}
