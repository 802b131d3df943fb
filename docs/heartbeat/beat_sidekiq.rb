# Sidekiq says its jobs: put this file and beat.rb into config/initializers/, or beside the file of sidekiq -r.
require_relative "beat"

class HeartbeatMiddleware
  def call(_worker, job, _queue)
    Heartbeat.busy("#{job["wrapped"] || job["class"]} #{job["jid"]}") { yield }
  end
end

Sidekiq.configure_server do |config|
  config.on(:startup) { Heartbeat.start }
  config.server_middleware { |chain| chain.prepend HeartbeatMiddleware }
end
