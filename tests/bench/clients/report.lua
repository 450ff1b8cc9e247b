-- What a run of wrk came to, as one line of JSON.
function done(summary, latency, requests)
    local errors = summary.errors
    print(string.format(
        'REPORT {"requests": %d, "microseconds": %d, "bytes": %d, "bad_status": %d, "broken": %d, "timeouts": %d}',
        summary.requests, summary.duration, summary.bytes, errors.status,
        errors.connect + errors.read + errors.write, errors.timeout))
end
