# delayed_job says its job: put this file and beat.rb into config/initializers/.
require_relative "beat"

class HeartbeatPlugin < Delayed::Plugin
  callbacks do |lifecycle|
    lifecycle.before(:execute) { Heartbeat.start }
    lifecycle.around(:perform) do |worker, job, *others, &block|
      Heartbeat.busy("job #{job.id} #{job.name}") { block.call(worker, job, *others) }
    end
  end
end
Delayed::Worker.plugins << HeartbeatPlugin
