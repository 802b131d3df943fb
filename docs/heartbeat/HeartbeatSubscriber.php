<?php
// messenger:consume says its messages: put this file into src/EventListener/, where it is found by itself, and load beat.php by
// "autoload": { "files": ["lib/beat.php"] } in composer.json.
// A worker in a message gives no sign of life by itself: call Heartbeat::beat() in long ones, or leave `heartbeat:` out.
namespace App\EventListener;

use Heartbeat;
use Symfony\Component\EventDispatcher\EventSubscriberInterface;
use Symfony\Component\Messenger\Event\AbstractWorkerMessageEvent;
use Symfony\Component\Messenger\Event\WorkerMessageFailedEvent;
use Symfony\Component\Messenger\Event\WorkerMessageHandledEvent;
use Symfony\Component\Messenger\Event\WorkerMessageReceivedEvent;
use Symfony\Component\Messenger\Event\WorkerRunningEvent;
use Symfony\Component\Messenger\Event\WorkerStartedEvent;
use Symfony\Component\Messenger\Stamp\TransportMessageIdStamp;

if (!class_exists(Heartbeat::class)) {
    require_once __DIR__ . '/beat.php';
}

class HeartbeatSubscriber implements EventSubscriberInterface
{
    /** By message: a handler of batches has several at once. */
    private array $keys = [];

    public static function getSubscribedEvents(): array
    {
        return [
            WorkerStartedEvent::class => 'start',
            WorkerRunningEvent::class => 'beat',
            // After all who may decide that the message is not handled.
            WorkerMessageReceivedEvent::class => ['begin', -4096],
            WorkerMessageHandledEvent::class => 'end',
            WorkerMessageFailedEvent::class => 'end',
        ];
    }

    public function start(): void
    {
        Heartbeat::start();
    }

    public function beat(): void
    {
        Heartbeat::beat();
    }

    public function begin(WorkerMessageReceivedEvent $event): void
    {
        if ($event->shouldHandle()) {
            $message = $event->getEnvelope()->getMessage();
            $stamp = $event->getEnvelope()->last(TransportMessageIdStamp::class);
            $id = $stamp instanceof TransportMessageIdStamp ? ' ' . $stamp->getId() : '';
            $this->keys[spl_object_id($message)] = Heartbeat::begin(get_class($message) . $id);
        }
    }

    public function end(AbstractWorkerMessageEvent $event): void
    {
        $id = spl_object_id($event->getEnvelope()->getMessage());
        Heartbeat::end($this->keys[$id] ?? 0);
        unset($this->keys[$id]);
    }
}
