# A delayed_job application without Rails: its root is the working directory, as Delayed::Command has it.
require 'active_record'
require 'delayed_job_active_record'
require_relative 'note_job'

ENV['RAILS_ENV'] = 'production'

# Several workers share one SQLite file: a writer waits for its turn instead of failing at once.
ActiveRecord::Base.configurations = {
  'production' => { 'adapter' => 'sqlite3', 'database' => File.expand_path('jobs.sqlite3'), 'timeout' => 10_000 }
}
ActiveRecord::Base.establish_connection
Delayed::Worker.backend = :active_record
