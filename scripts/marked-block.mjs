// Parts of a page that a script writes stand between two comments: <!-- NAME: begin --> and <!-- NAME: end -->.

const mark = (name, side) => `<!-- ${name}: ${side} -->`;

/** The lines of the text between the two marks of `name`, found at `from` and `to`. @throws Error when there are none */
function find(text, name) {
  const from = text.indexOf(mark(name, 'begin')) + mark(name, 'begin').length;
  const to = text.indexOf(mark(name, 'end'));
  if (from < mark(name, 'begin').length || to < from) throw new Error(`there is no ${mark(name, 'begin')} … end`);
  return { from, to };
}

/** The text with `lines` between the marks of `name`. @throws Error when the marks are missing */
export function replaceBlock(text, name, lines) {
  const { from, to } = find(text, name);
  return `${text.slice(0, from)}\n${lines.join('\n')}\n${text.slice(to)}`;
}

/** The lines between the marks of `name`. @throws Error when the marks are missing */
export function readBlock(text, name) {
  const { from, to } = find(text, name);
  return text.slice(from + 1, to - 1).split('\n');
}
