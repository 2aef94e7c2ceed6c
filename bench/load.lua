-- For wrk: posts one body again and again and prints what it measured as one line of JSON.
--   wrk -s load.lua URL -- BODY_FILE "header: value" ...

function init(args)
   local file = assert(io.open(args[1], "rb"))
   wrk.method = "POST"
   wrk.body = file:read("*a")
   file:close()
   for i = 2, #args do
      local name, value = args[i]:match("^([^:]+):%s*(.*)$")
      wrk.headers[name] = value
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      'RESULT {"p50_us": %d, "p99_us": %d, "requests": %d, "rps": %.1f, "errors": %d}\n',
      latency:percentile(50), latency:percentile(99), summary.requests,
      summary.requests / summary.duration * 1e6,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
