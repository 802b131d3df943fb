# Makes the database, enqueues a job for each line `name seconds`, and prints its name when it is in the queue.
require_relative 'app'

unless ActiveRecord::Base.connection.table_exists?(:delayed_jobs)
  ActiveRecord::Schema.verbose = false
  ActiveRecord::Schema.define do
    create_table :delayed_jobs do |table|
      table.integer :priority, default: 0, null: false
      table.integer :attempts, default: 0, null: false
      table.text :handler, null: false
      table.text :last_error
      table.datetime :run_at
      table.datetime :locked_at
      table.datetime :failed_at
      table.string :locked_by
      table.string :queue
      table.timestamps null: true
    end
  end
end
$stdout.sync = true
$stdin.each_line do |line|
  name, seconds = line.split
  Delayed::Job.enqueue Work.new(name, Float(seconds))
  puts name
end
