<?php
// Notes its begin and its end; sleeps in between.
final class Work implements Illuminate\Contracts\Queue\ShouldQueue
{
    use Illuminate\Bus\Queueable;

    public function __construct(private string $name, private float $seconds)
    {
    }

    public function handle(): void
    {
        $this->note('begin');
        $end = microtime(true) + $this->seconds;
        // A signal ends usleep before its time.
        while (($left = $end - microtime(true)) > 0) {
            usleep((int) ($left * 1e6));
        }
        $this->note('end');
    }

    private function note(string $what): void
    {
        $line = sprintf("%s %s %d %d\n", $what, $this->name, getmypid(), microtime(true) * 1000);
        file_put_contents(getenv('JOURNAL'), $line, FILE_APPEND);
    }
}
