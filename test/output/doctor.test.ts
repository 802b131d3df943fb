import { expect, test } from 'vitest';
import { fine, problem, warning, type Report } from '../../src/core/views/finding.ts';
import { formatReports } from '../../src/output/doctor.ts';
import { plain } from '../../src/output/plain.ts';

const reports: readonly Report[] = [
  { check: 'watch', findings: [fine('watch', 'pid 71')] },
  {
    check: 'cron',
    findings: [
      warning('cron', 'bootcheck runs at boot only', [
        'an instance that dies stays down',
        'every minute',
      ]),
    ],
  },
  {
    check: 'processes',
    findings: [
      problem('mail.1', 'pid 72 is stopped and will never exit by itself', [
        'it does nothing',
        'kill -CONT 72',
      ]),
    ],
  },
];

test('the worst must come first, with the reason and what to do', () => {
  expect(formatReports(reports, plain))
    .toBe(`problem  mail.1: pid 72 is stopped and will never exit by itself
         why: it does nothing
         do:  kill -CONT 72
warning  cron: bootcheck runs at boot only
         why: an instance that dies stays down
         do:  every minute
ok       watch: pid 71

1 problem, 1 warning, 1 ok
`);
});

test('lines must fit into the columns, and words that do not must stay whole', () => {
  const text = formatReports(reports, plain, 40);
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(40);
  expect(text).toContain(
    'problem  mail.1: pid 72 is stopped and\n         will never exit by itself\n',
  );
  const long = 'x'.repeat(90);
  const narrow = formatReports(
    [{ check: 'a', findings: [warning(`/${long}`, 'found', [long, 'b'])] }],
    plain,
    80,
  );
  expect(narrow).toContain(`/${long}`);
});

test('what is to be copied must never be broken, however narrow the terminal is', () => {
  const advice = `workerctl install cron --write --config '/srv/my app/50%/workerctl.yaml'`;
  const one = problem('cron', 'runs nothing', ['a dead instance stays down', advice]);
  const text = formatReports([{ check: 'cron', findings: [one] }], plain, 40);
  expect(text).toContain(`do:  ${advice}\n`);
});

test('levels must be coloured if colours are wanted', () => {
  const marked = { ...plain, red: (text: string) => `<${text}>`, level: 1 };
  expect(formatReports(reports, marked)).toMatch(/^<problem {2}>mail\.1[^]*<1 problem, .*>\n$/);
});
