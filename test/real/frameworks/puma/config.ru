# A request is a job: it notes its begin and its end, and sleeps in between.
def note(what, name)
  line = "#{what} #{name} #{ENV.fetch('WORKERCTL_PID')} #{(Time.now.to_f * 1000).round}\n"
  File.write(ENV.fetch('JOURNAL'), line, mode: 'a')
end

run lambda { |env|
  query = Rack::Utils.parse_query(env['QUERY_STRING'])
  note 'begin', query['name']
  sleep Float(query['seconds'])
  note 'end', query['name']
  [200, { 'Content-Type' => 'text/plain' }, [query['name']]]
}
