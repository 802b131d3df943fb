import { expect, test } from 'vitest';
import { scratchFolder } from '../../config/scratch.ts';
import { initialised as initialisedIn } from './rig.ts';

const initialised = initialisedIn(scratchFolder());

const sample = `x-app: &app
  build: .
  environment: &env
    RAILS_ENV: production
    REDIS_URL: \${REDIS_URL}
    RATE: \${RATE:-5}
    PRICE: "5$$"
    SECRET: "x\${TOKEN}"
  env_file:
    - .env
    - path: other.env
      required: false
  depends_on: [redis]

services:
  web:
    <<: *app
    command: bundle exec puma
    ports: ["3000:3000"]
  mail.now:
    <<: *app
    command: ["bundle", "exec", "sidekiq", "-q", "\${QUEUE:-mail}"]
    environment:
      <<: *env
      EXTRA:
    deploy: { replicas: 3, resources: {} }
    restart: on-failure:5
    stop_signal: SIGINT
    stop_grace_period: 1m30s
    working_dir: /app
  clock:
    <<: *app
    command: sh -c "cd app && bin/clock --rate 50%"
    environment: [A=1, "B=two words", HOME_PAGE]
    scale: 2
    restart: "no"
    volumes: [".:/app"]
  entry:
    image: app
    entrypoint: ["bin/run"]
    command: jobs
  redis:
    image: redis:7
  empty:
    build: .
`;

test.each([
  ['as it is', sample],
  ['with CRLF', sample.replaceAll('\n', '\r\n')],
])('the services of a compose file must be carried over, %s', async (_, text) => {
  const { folder, worker, leftOut } = await initialised({ 'docker-compose.yml': text });
  expect(Object.keys(worker)).toEqual(['mail-now', 'clock', 'entry']);
  expect(worker['mail-now']).toMatchObject({
    command: ['sh', '-c', 'exec bundle exec sidekiq -q "${QUEUE:-mail}"'],
    env: { RAILS_ENV: 'production', RATE: '5', PRICE: '5$' },
    passEnv: ['REDIS_URL', 'EXTRA'],
    envFiles: [`${folder}/.env`, `${folder}/other.env`],
    configured: ['1', '2', '3'],
    onExit: 'on_failure',
    stop: { signal: 'INT' },
  });
  expect(worker['clock']).toMatchObject({
    command: ['bin/clock', '--rate', '50%%'],
    directory: `${folder}/app`,
    env: { A: '1', B: 'two words' },
    passEnv: ['HOME_PAGE'],
    configured: ['1', '2'],
    onExit: 'never',
  });
  expect(worker['entry']?.command).toEqual(['bin/run', 'jobs']);
  for (const words of [
    '16: web was left out: a web process',
    '3: mail.now: depends_on was left out',
    '23: mail.now: environment was left out: SECRET: the value holds a variable',
    '26: mail.now: deploy was left out: resources: workerctl has nothing like it',
    '29: mail.now: stop_grace_period was left out: workerctl lets a job end; stop.timeout: 1m30s',
    '30: mail.now: working_dir was left out: /app is a path of the container',
    '37: clock: volumes was left out',
    '42: redis was left out: it runs what the image redis:7 says',
    '44: empty was left out: it has no command',
  ].map((words) => words.replace(/^3: mail/, '13: mail')))
    expect(leftOut.join('\n')).toContain(`docker-compose.yml:${words}`);
});

test('a compose file that cannot be read must be named with its line', async () => {
  const { leftOut } = await initialised({ 'compose.yaml': 'services:\n  a: [1\n  b: 2\n' });
  expect(leftOut.join()).toMatch(/^compose\.yaml:\d: /);
});

test('a variable whose name cannot be one must be left out alone', async () => {
  const environment = '{"spring.datasource.url": "1", DATABASE_URL: "pg://x", QUEUE: mail}';
  const { worker, leftOut } = await initialised({
    'compose.yaml': `services: {mail: {command: node w.js, environment: ${environment}}}\n`,
  });
  expect(worker['mail']?.env).toEqual({ DATABASE_URL: 'pg://x', QUEUE: 'mail' });
  expect(leftOut.join()).toContain('spring.datasource.url');
});
