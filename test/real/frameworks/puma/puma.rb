# preload_app!: otherwise a broken application fails only after ready.timeout.
bind "unix://#{ENV.fetch('SOCKETS')}/#{ENV.fetch('WORKERCTL_ID')}.sock"
workers 2
threads 1, 2
preload_app!
