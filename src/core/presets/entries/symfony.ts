import type { Preset } from '../preset.ts';

export const symfony: Preset = {
  title: 'Symfony Messenger',
  command: 'php bin/console messenger:consume async',
  programs: ['messenger:consume'],
  ranWith: ['5.4.53'],
  source: 'https://symfony.com/doc/current/messenger.html#graceful-shutdown',
  keys: { stop: { signal: 'TERM' }, ready: { log: 'Consuming messages from transport' } },
  drains: 'TERM: it finishes its message and exits. Needs ext-pcntl.',
  lost: 'With Redis and Doctrine the message is delivered again after `redeliver_timeout` (1 h), with AMQP at once.',
  heartbeat: '`HeartbeatSubscriber.php`, by the events of the worker.',
  traps: [
    {
      says: 'with --time-limit, --limit or --memory-limit it exits by itself: on_exit must stay always; recycle does the same between two messages',
      if: { kind: 'has_option', options: ['--time-limit', '--limit', '--memory-limit'] },
      at: ['check'],
    },
    {
      says: 'with Redis all workers have the consumer name "consumer" by default, and take over what others have not finished: put WORKERCTL_INSTANCE into the name',
      if: { kind: 'always' },
      at: ['check', 'doctor'],
    },
    {
      says: 'messenger:stop-workers ends all workers of all hosts through the cache: use workerctl restart instead',
      if: { kind: 'always' },
      at: ['check'],
    },
  ],
};
