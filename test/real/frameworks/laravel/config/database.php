<?php
return [
    'default' => 'none',
    'connections' => [],
    'redis' => [
        'client' => 'phpredis',
        'default' => ['host' => getenv('REDIS'), 'port' => 0, 'database' => 0],
    ],
];
