<?php
// queue:work says its job: put this file and beat.php into app/Providers/, and register the provider.
// A worker in a job gives no sign of life by itself: call Heartbeat::beat() in long ones, or leave `heartbeat:` out.
namespace App\Providers;

use Heartbeat;
use Illuminate\Queue\Events\JobExceptionOccurred;
use Illuminate\Queue\Events\JobProcessed;
use Illuminate\Queue\Events\JobProcessing;
use Illuminate\Queue\Events\Looping;
use Illuminate\Support\ServiceProvider;

if (!class_exists(Heartbeat::class)) {
    require_once __DIR__ . '/beat.php';
}

class HeartbeatServiceProvider extends ServiceProvider
{
    private array $keys = [];

    public function boot(): void
    {
        $events = $this->app['events'];
        $events->listen(JobProcessing::class, function (JobProcessing $event) {
            $what = $event->job->resolveName() . ' ' . $event->job->getJobId();
            $this->keys[spl_object_id($event->job)] = Heartbeat::begin($what);
        });
        $isOver = function ($event) {
            Heartbeat::end($this->keys[spl_object_id($event->job)] ?? 0);
            unset($this->keys[spl_object_id($event->job)]);
        };
        $events->listen(JobProcessed::class, $isOver);
        $events->listen(JobExceptionOccurred::class, $isOver);
        // Between two jobs it has none, however the last one has ended.
        $events->listen(Looping::class, function () {
            array_map([Heartbeat::class, 'end'], $this->keys);
            $this->keys = [];
            Heartbeat::beat();
        });
    }
}
