import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { mismatchText } from '../../src/core/basics/config-problem.ts';
import { splitWords } from '../../src/config/shell-words.ts';

describe('splitWords must', () => {
  test.each<[string, string[]]>([
    ['bundle exec rake', ['bundle', 'exec', 'rake']],
    ['  a \t b  ', ['a', 'b']],
    [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
    [`--x='a b'c"d"`, ['--x=a bcd']],
    [`a '' ""`, ['a', '', '']],
    [String.raw`a\ b c\\d \"`, ['a b', 'c\\d', '"']],
    [String.raw`a "b\"c\\d\n"`, ['a', 'b"c\\d\\n']],
    [`a 'b"c' "d'e"`, ['a', `b"c`, `d'e`]],
    [`a '$HOME' '|' '\`x\`'`, ['a', '$HOME', '|', '`x`']],
    [String.raw`a \$HOME "\$HOME" \|`, ['a', '$HOME', '$HOME', '|']],
    ['a cost$ $ x$.', ['a', 'cost$', '$', 'x$.']],
    [`rq worker '*'`, ['rq', 'worker', '*']],
    [String.raw`java -cp 'lib/*' "x?" \*`, ['java', '-cp', 'lib/*', 'x?', '*']],
    [`find . -exec {} '{a,b}' "[x]"`, ['find', '.', '-exec', '{}', '{a,b}', '[x]']],
    [`a [ ] {x} { , } a'[1]'`, ['a', '[', ']', '{x}', '{', ',', '}', 'a[1]']],
    ['a b=c HEAD~5 x~ b#c', ['a', 'b=c', 'HEAD~5', 'x~', 'b#c']],
    ['bin/exec ./cd', ['bin/exec', './cd']],
    ['env exec', ['env', 'exec']],
    ['a \\\n  b\\\nc', ['a', 'bc']],
  ])('split %j', (command, words) => {
    expect(splitWords(command)).toEqual({ kind: 'words', words });
  });

  test.each([
    ['a | b', 'found "|"; no shell runs here: quote it, or use [sh, -c, "exec ..."]'],
    ['a && b', 'found "&&"'],
    ['a || b', 'found "||"'],
    ['a; b', 'found ";"'],
    ['a &', 'found "&"'],
    ['a > b', 'found ">"'],
    ['a >> b', 'found ">>"'],
    ['a 2>&1', 'found ">"'],
    ['a < b', 'found "<"'],
    ['a `b`', 'found `...`, which is not expanded'],
    ['a $(b)', 'found $(...), which is not expanded'],
    ['a $HOME/x', 'found $HOME, which is not expanded'],
    ['a ${HOME}', 'found ${HOME}, which is not expanded'],
    ['a "x $HOME"', 'found $HOME, which is not expanded'],
    ['a "`b`"', 'found `...`, which is not expanded'],
    ['a $1', 'found $1, which is not expanded'],
    ['a # b', 'found "#", which begins a comment'],
    ['a $\\\nHOME', 'which is not expanded'],
    ['~/bin/x', 'found "~", which is not expanded'],
    ['a ~deploy/x', 'found "~", which is not expanded'],
    ['a ~deploy', 'found "~", which is not expanded'],
    [
      'java -jar target/*.jar',
      'found "*"; no shell runs here: quote it, or use [sh, -c, "exec ..."]',
    ],
    ['a http://x/?a=1', 'found "?"'],
    ['rake jobs[1]', 'found "[1]"'],
    ['a x{b,c}', 'found "{b,c}"'],
    ['a {1..3}', 'found "{1..3}"'],
    [`a {'b',"c"}`, 'found "{x,x}"'],
    ['a (b)', 'found "("'],
    ['(cd x)', 'found "("'],
    ['exec x', 'expected a program, found "exec", which only a shell has; leave it out'],
    ['cd /srv', 'found "cd", which only a shell has; set directory'],
    ['source .env', 'found "source", which only a shell has; put variables into env_files'],
    ['. ./env', 'found ".", which only a shell has'],
    ['export A', 'found "export", which only a shell has; put the variables under env'],
    [`'ulimit' -n 5`, 'found "ulimit", which only a shell has; set limits'],
    ['while true', 'found "while", which only a shell has; no shell runs here, or use [sh'],
    [
      'RAILS_ENV=production rake',
      'found "RAILS_ENV=" before the command; no shell runs here: put RAILS_ENV under env',
    ],
    ['a\nb', 'found a line break'],
    [`a 'b`, `expected a closing ', found none after 'b`],
    ['a "b', 'expected a closing ", found none after "b'],
    ['a \\', 'expected a character after the last backslash, found nothing'],
    ['', 'expected a command, found none'],
    ['   ', 'expected a command, found none'],
    [`'' a`, 'expected a command, found none'],
  ])('refuse %j', (command, message) => {
    const split = splitWords(command);
    expect(split.kind === 'problem' && mismatchText(split.problem)).toContain(message);
  });

  test('split as sh does, if it splits at all', () => {
    const pieces = [
      'a',
      'b',
      ' ',
      '\t',
      "'",
      '"',
      '\\',
      '-',
      '=',
      '/',
      '$',
      '.',
      '~',
      '#x',
      '*',
      '{a,b}',
      '[x]',
      '(',
      '\\\n',
    ];
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((all) => all.join(''));
    const prefixed = text.map((rest) => `x ${rest}`);
    fc.assert(
      fc.property(prefixed, (command) => {
        const split = splitWords(command);
        if (split.kind === 'problem') return;
        const script = `for word in ${command.trim()}; do printf '%s\\0' "$word"; done`;
        const words = execFileSync('sh', ['-c', script], { env: {} }).toString().split('\0');
        expect(split.words).toEqual(words.slice(0, -1));
      }),
      { numRuns: 150 },
    );
  });
});
