<?php
// The parts of a Symfony application that messenger:consume needs, put together by hand.
require_once 'Symfony/Component/Console/autoload.php';
require_once 'Symfony/Component/EventDispatcher/autoload.php';
require_once 'Symfony/Component/Messenger/autoload.php';
require_once 'Symfony/Component/Messenger/Bridge/Redis/autoload.php';

use Symfony\Component\Messenger\Bridge\Redis\Transport\RedisTransportFactory;
use Symfony\Component\Messenger\Handler\HandlersLocator;
use Symfony\Component\Messenger\MessageBus;
use Symfony\Component\Messenger\Middleware\HandleMessageMiddleware;
use Symfony\Component\Messenger\Transport\Serialization\PhpSerializer;

/** A job: its handler notes its begin and its end, and sleeps in between. */
final class Work
{
    public function __construct(public string $name, public float $seconds)
    {
    }
}

function note(string $what, string $name): void
{
    $line = sprintf("%s %s %d %d\n", $what, $name, getmypid(), microtime(true) * 1000);
    file_put_contents(getenv('JOURNAL'), $line, FILE_APPEND);
}

function work(Work $work): void
{
    note('begin', $work->name);
    $end = microtime(true) + $work->seconds;
    // A signal ends usleep before its time.
    while (($left = $end - microtime(true)) > 0) {
        usleep((int) ($left * 1e6));
    }
    note('end', $work->name);
}

function bus(): MessageBus
{
    return new MessageBus([new HandleMessageMiddleware(new HandlersLocator([Work::class => ['work']]))]);
}

function transport()
{
    // Each worker needs a name of its own: one takes what another of the same name has not acknowledged.
    $options = [
        'stream' => 'jobs',
        'consumer' => (getenv('WORKERCTL_INSTANCE') ?: 'feed') . '.' . getmypid(),
        'delete_after_ack' => true,
        'redeliver_timeout' => 600,
    ];
    return (new RedisTransportFactory())->createTransport('redis://' . getenv('REDIS'), $options, new PhpSerializer());
}
