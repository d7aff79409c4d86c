/** Command lines that a remedy names. */

/**
 * Writes the command line of a verb with options by their camelCase names:
 * `command('train', { resume: 'runs/a' })` is `priot train --resume runs/a`. A value of true stands for the option's name
 * alone; what a shell would not take as one word is quoted.
 */
export function command(verb: string, options: Readonly<Record<string, string | number | true>> = {}): string {
  const words = Object.entries(options).map(([name, value]) => {
    const option = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? option : `${option} ${quoted(String(value))}`;
  });
  return ['priot', verb, ...words].join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
