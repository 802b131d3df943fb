# A delayed_job application without Rails: its root is the working directory, as Delayed::Command has it.
require 'active_record'
require 'delayed_job_active_record'
require_relative 'note_job'
require_relative '../../../docs/heartbeat/beat'

ENV['RAILS_ENV'] = 'production'

# Several workers share one SQLite file: a writer waits for its turn instead of failing at once.
ActiveRecord::Base.configurations = {
  'production' => { 'adapter' => 'sqlite3', 'database' => File.expand_path('jobs.sqlite3'), 'timeout' => 10_000 }
}
ActiveRecord::Base.establish_connection
Delayed::Worker.backend = :active_record

# workerctl asks idle workers first, if it knows them. Under its own script there is no file to say it in.
class SaysItsJob < Delayed::Plugin
  callbacks do |lifecycle|
    lifecycle.around(:perform) do |worker, job, &block|
      Heartbeat.busy("job #{job.id}") { block.call(worker, job) }
    end
  end
end
Delayed::Worker.plugins << SaysItsJob
Heartbeat.start
