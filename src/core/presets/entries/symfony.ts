import type { Preset } from '../preset.ts';

export const symfony: Preset = {
  title: 'Symfony Messenger',
  command: 'php bin/console messenger:consume async',
  ranWith: [],
  source: 'https://symfony.com/doc/current/messenger.html#graceful-shutdown',
  keys: { stop: { signal: 'TERM' }, ready: { log: 'Consuming messages from transport' } },
  drains: 'TERM: it finishes its message and exits. Needs ext-pcntl.',
  lost: 'The Doctrine transport delivers the message again after `redeliver_timeout` (1 h), Redis after `redeliver_timeout` too, AMQP at once.',
  heartbeat:
    'Subscribers of `WorkerMessageReceivedEvent`, `WorkerMessageHandledEvent` and `WorkerMessageFailedEvent` (docs/heartbeat).',
  traps: [
    {
      says: 'with --time-limit, --limit or --memory-limit it exits by itself: on_exit must stay always; recycle does the same between two messages',
      if: { kind: 'has_option', options: ['--time-limit', '--limit', '--memory-limit'] },
      at: ['check'],
    },
    {
      says: 'messenger:stop-workers ends all workers of all hosts through the cache: use workerctl restart instead',
      if: { kind: 'always' },
      at: ['check'],
    },
  ],
};
