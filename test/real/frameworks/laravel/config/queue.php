<?php
return [
    'default' => 'redis',
    'connections' => [
        'redis' => [
            'driver' => 'redis',
            'connection' => 'default',
            'queue' => 'jobs',
            // A job that is lost is given to another worker after this time: longer than any job takes.
            'retry_after' => 600,
        ],
    ],
    'failed' => ['driver' => 'null'],
];
