# Enqueues a job for each line `name seconds`, and prints its name when it is in the queue.
require_relative 'app'

$stdout.sync = true
$stdin.each_line do |line|
  name, seconds = line.split
  Work.perform_async(name, Float(seconds))
  puts name
end
