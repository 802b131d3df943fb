import { describe, expect, test } from 'vitest';
import { errorIn } from '../../../src/core/rules/error-in-log.ts';

const frames = (count: number, frame: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => frame(n)).join('\n');

const javaFrames = (count: number): string =>
  frames(count, (n) => `\tat com.shop.Mail.send${n}(Mail.java:${n})`);
const rubyFrames = (count: number): string =>
  frames(count, (n) => `\tfrom /app/lib/mail.rb:${n}:in \`each'`);

const samples: Readonly<Record<string, readonly [log: string, error: string]>> = {
  'Ruby 3.1': [
    `booting\n/app/lib/mail.rb:12:in \`connect': connection refused (Errno::ECONNREFUSED)\n${rubyFrames(60)}\n`,
    "/app/lib/mail.rb:12:in `connect': connection refused (Errno::ECONNREFUSED)",
  ],
  'Ruby 3.4, with a message of two lines': [
    "a.rb:1:in 'Integer#/': divided by 0 (ZeroDivisionError)\nFATAL: second line\n\tfrom a.rb:1:in '<main>'\n",
    "a.rb:1:in 'Integer#/': divided by 0 (ZeroDivisionError)",
  ],
  'Ruby with a cause': [
    `a.rb:5:in \`rescue in <main>': cannot start (RuntimeError)\n${rubyFrames(3)}\na.rb:2:in \`<main>': no such host (SocketError)\n${rubyFrames(3)}\n`,
    "a.rb:5:in `rescue in <main>': cannot start (RuntimeError) (caused by: a.rb:2:in `<main>': no such host (SocketError))",
  ],
  'Rails, by its logger': [
    "F, [2026-11-21T12:00:00 #7] FATAL -- : \nActiveRecord::ConnectionNotEstablished (could not connect):\n\napp/models/mail.rb:3:in `send'\nlib/run.rb:9:in `call'\n",
    'ActiveRecord::ConnectionNotEstablished (could not connect):',
  ],
  'Java with causes': [
    `12:00 ERROR c.s.Mail - stopping\nException in thread "main" java.lang.IllegalStateException: no queue\n${javaFrames(45)}\nCaused by: com.shop.DownException: broker\n${javaFrames(2)}\n\t... 43 more\nCaused by: java.net.ConnectException: Connection refused\n${javaFrames(4)}\n\t... 44 more\n`,
    'Exception in thread "main" java.lang.IllegalStateException: no queue (caused by: java.net.ConnectException: Connection refused)',
  ],
  'Java, with a class that is named neither error nor exception': [
    `INFO up\ncom.shop.Oops: gone\n${javaFrames(30)}\nINFO bye\n`,
    'com.shop.Oops: gone',
  ],
  'Python with chained exceptions': [
    `Traceback (most recent call last):\n  File "a.py", line 2, in f\n    return x['k']\nKeyError: 'k'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File "a.py", line 9, in <module>\n    f()\napp.Broken: no key\n`,
    'app.Broken: no key',
  ],
  'Python, followed by its log': [
    'Traceback (most recent call last):\n  File "a.py", line 2, in f\nValueError: two\nlines\n[INFO] bye\n',
    'ValueError: two',
  ],
  Node: [
    `/app/worker.js:3\n    throw new Error('boom');\n    ^\n\nTypeError [ERR_INVALID_ARG]: boom\n${frames(10, (n) => `    at Module.load${n} (node:internal/modules:${n}:7)`)} {\n  code: 'ERR_INVALID_ARG'\n}\n\nNode.js v20.19.0\n`,
    'TypeError [ERR_INVALID_ARG]: boom',
  ],
  'Node with a cause, below npm': [
    'Error: outer\n    at main (/app/w.js:1:7)\n  [cause]: Error: inner\n      at main (/app/w.js:1:30)\n\nNode.js v22.0.0\nnpm error Lifecycle script `start` failed with error:\nnpm error code 1\n',
    'Error: outer (caused by: Error: inner)',
  ],
  'a promise that nobody handles': [
    `node:internal/process/promises:288\n            triggerUncaughtException(err, true /* fromPromise */);\n            ^\n\n[UnhandledPromiseRejection: This error originated either by throwing inside of an async function: "no".] {\n  code: 'ERR_UNHANDLED_REJECTION'\n}\n\nNode.js v20.19.0\n`,
    '[UnhandledPromiseRejection: This error originated either by throwing inside of an async function: "no".] {',
  ],
  PHP: [
    `PHP Fatal error:  Uncaught RuntimeException: boom in /app/w.php:3\nStack trace:\n${frames(20, (n) => `#${n} /app/w.php(${n}): f()`)}\n#20 {main}\n  thrown in /app/w.php on line 3\n`,
    'PHP Fatal error:  Uncaught RuntimeException: boom in /app/w.php:3',
  ],
  Laravel: [
    `[2026-11-21 12:00:00] production.ERROR: no redis {"exception":"[object] (RedisException(code: 0): no redis at /app/w.php:3)\n[stacktrace]\n${frames(30, (n) => `#${n} /app/vendor/x.php(${n}): f()`)}\n"}\n`,
    '[2026-11-21 12:00:00] production.ERROR: no redis {"exception":"[object] (RedisException(code: 0): no redis at /app/w.php:3)',
  ],
  Go: [
    `2026/11/21 up\npanic: no queue\n\ngoroutine 1 [running]:\n${frames(30, (n) => `main.(*Mail).send${n}(0xc000, 0x1)\n\t/app/main.go:${n} +0x1d`)}\ncreated by main.main in goroutine 1\n\t/app/main.go:3 +0x1d\nexit status 2\n`,
    'panic: no queue',
  ],
  'a deadlock in Go': [
    'fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/app/main.go:4 +0x1d\n',
    'fatal error: all goroutines are asleep - deadlock!',
  ],
  Rust: [
    "thread 'main' panicked at src/main.rs:2:5:\nno queue\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/lib/panicking.rs:1:5\nnote: run with `RUST_BACKTRACE=full` for more\n",
    "thread 'main' panicked at src/main.rs:2:5: no queue",
  ],
  'Rust before 1.73': [
    "thread 'main' panicked at 'no queue', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1`\n",
    "thread 'main' panicked at 'no queue', src/main.rs:2:5",
  ],
  'C++': [
    "terminate called after throwing an instance of 'std::runtime_error'\n  what():  boom\n",
    "terminate called after throwing an instance of 'std::runtime_error' what():  boom",
  ],
  'no memory in V8': [
    '<--- Last few GCs --->\n\n[7:0x1] 1 ms: Mark-sweep\n\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xb0 node::Abort() [node]\n 2: 0xb1 [node]\n',
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
  ],
  sh: ['up\nsh: 1: bin/mial: not found\n', 'sh: 1: bin/mial: not found'],
  bash: [
    'bin/worker: line 3: mial: command not found\n',
    'bin/worker: line 3: mial: command not found',
  ],
  'a logger, in colour': [
    'INFO up\n\u001b[31mERROR\u001b[0m no queue: redis://:s3cr3t@db\nINFO bye\n',
    'ERROR no queue: redis://:(hidden)@db',
  ],
  'a logger in JSON': ['{"level":60,"msg":"no queue"}\n', '{"level":60,"msg":"no queue"}'],
};

describe('errorIn must find the error of', () => {
  test.each(Object.entries(samples))('%s', (_, [log, error]) => {
    expect(errorIn(log.split('\n'))).toBe(error);
    expect(errorIn(log.replaceAll('\n', '\r\n').split('\n'))).toBe(error);
  });
});

describe('errorIn must', () => {
  const found = (log: string): string | undefined => errorIn(log.split('\n'));

  test('take the last of several errors', () => {
    expect(found('Error: a\n    at x (y:1:1)\nup\nError: b\n    at x (y:1:1)')).toBe('Error: b');
  });

  test('prefer what is certain to what only may be an error', () => {
    expect(found('ERROR a\nError: b\n    at x (y:1:1)\nERROR exit')).toBe('Error: b');
  });

  test('find none in a log without errors, or in one that goes on after them', () => {
    expect(found('up\njob 1 done (0 errors)\nbye\n')).toBeUndefined();
    expect(found('')).toBeUndefined();
    const later = Array.from({ length: 11 }, (_, n) => `job ${n} done`).join('\n');
    expect(found(`Error: a\n    at x (y:1:1)\n${later}`)).toBeUndefined();
  });

  test('stay short and fast whatever a line holds', () => {
    expect(found(`Error: ${'x'.repeat(100_000)}`)).toHaveLength(301);
    for (const hostile of ['a.'.repeat(30_000), ':1:in `'.repeat(9_000), '('.repeat(60_000)])
      expect(found(hostile)).toBeUndefined();
  });
});
