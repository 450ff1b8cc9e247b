# Puts one request together, hop by hop, from what trace.sh read on the machines: a table of 80 columns.

# --- Words and columns ---

def pad($width): . + " " * ([$width - length, 0] | max);
def right($width): " " * ([$width - length, 0] | max) + .;

# A text in lines of at most $width, broken between words.
def wrap($width):
    reduce splits(" +") as $word ([]; if length > 0 and (.[-1] + " " + $word | length) <= $width
        then .[-1] += " " + $word else . + [$word] end)
    | map(if length > $width then .[:$width - 1] + "…" else . end);

# Milliseconds, two places.
def ms: if . == null then "" else (. * 100 | round | tostring | "00" + . | sub("^0+(?=...)"; "")) | .[:-2] + "." + .[-2:] end;

# Nginx and HAProxy count whole ones.
def whole_ms: if . == null then null elif . < 1 then "<1" else round | tostring end;

# At most $count lines; what is left out is seen.
def at_most($count): if length > $count then .[:$count - 1] + [.[$count - 1] + " …"] else . end;

def row: (.what | map(wrap(29)[]) | at_most(4)) as $what
    | ("  " + (.hop | pad(8)) + " " + (.from | pad(15)) + " " + (.to | pad(15)) + " " + ($what[0] | pad(29)) + " "
        + (.ms | if type == "string" then . else ms end | right(7)) | sub(" +$"; "")),
      ($what[1:][] | " " * 43 + .);

def missing($why): ["MISSING: " + $why];

# --- What was read ---

($addresses / "\n" | map(split(" ") | {key: .[0], value: .[1]}) | from_entries) as $machines
| def machine: $machines[.] // .;
# A line that another program broke is no evidence.
[$lines / "\n" | .[] | fromjson? | select(type == "object")] as $log
| [$alike / "\n" | .[] | fromjson? | select(type == "object")] as $alike
# The line with the id; else the only one that is like it.
| def first_line(f): [$log[] | select(f)][0] // ([$alike[] | select(f)] | if length == 1 then .[0] + {alike: true} else null end);
def how_found: if .alike then ["(found by visitor and path)"] else [] end;
$sent.curl as $curl
| first_line(.event == "access" and has("server")) as $balancer
| first_line(.event == "access" and has("upstream")) as $web
| first_line(.event == "request") as $app
| ($curl.url_effective // $url | test("^https:"; "i")) as $secure
| ($sent.dig | capture("SERVER: (?<address>[^#]+)#(?<port>[0-9]+)") // {}) as $dns
| [$sent.dig / "\n" | .[] | capture("^(?<name>\\S+?)\\.?\\s+(?<ttl>[0-9]+)\\s+IN\\s+(?<type>\\S+)\\s+(?<value>\\S+)")] as $records
| ("client") as $visitor
| ($curl.remote_ip // "" | machine) as $door
# Only the hop at which curl gave up says why.
| ($curl.errormsg // "") as $error
| (if $web then $web.node + "/nginx" else "?" end) as $nginx
| (if $app then $app.node + "/shopd" else "?" end) as $shopd

# Microseconds since 1970 of "2026-01-31T12:00:00.123456Z"; jq itself knows whole seconds only.
| def micro: (.[:19] + "Z" | fromdate) * 1000000 + (.[20:26] | tonumber);
# What MySQL executed while shopd was at work on the request; it logs no trace id.
(if $app and $app.mysql_us > 0 then
    ($app.time | micro) as $end
    | [$sql / "\n" | .[] | capture("^(?<node>\\S+)\\t(?<time>\\S+Z)\\t *(?<id>[0-9]+) (Execute|Query)\\t(?<text>.*)$")
        | select((.time | micro) as $at | $at >= $end - $app.duration_us and $at <= $end)]
 else [] end) as $statements

# --- Hops ---

| [
    (if $sent.host == $curl.remote_ip then empty else
        {hop: "DNS", from: $visitor, to: ($dns.address // "?" | machine),
         what: (if $records | any(.value == $curl.remote_ip or ($door == "" and .type == "A")) then
                 [$records[] | .name + " " + .type + " " + .value] + ["TTL \($records[0].ttl), port \($dns.port)"]
             else missing("no answer of the name server has the address") end),
         ms: (if $curl.time_namelookup > 0 then $curl.time_namelookup * 1000 else null end)} end),

    {hop: "TCP", from: $visitor, to: (if $door == "" then "?" else $door end),
     what: (if $curl.time_connect > 0 then
             ["from \($curl.local_ip):\($curl.local_port)", "to \($curl.remote_ip):\($curl.remote_port)"]
         else missing($error) end),
     ms: (if $curl.time_connect > 0 then ($curl.time_connect - $curl.time_namelookup) * 1000 else null end)},

    (if $secure then
        {hop: "TLS", from: $visitor, to: (if $door == "" then "?" else $door end),
         what: (if $curl.time_appconnect > 0 then [$sent.tls]
             else missing(if $curl.time_connect > 0 then $error else "no connection" end) end),
         ms: (if $curl.time_appconnect > 0 then ($curl.time_appconnect - $curl.time_connect) * 1000 else null end)}
     else empty end),

    (if $balancers == "" then empty else
        {hop: "balance", from: $visitor, to: ($balancer.node // "?"),
         what: (if $balancer then ["\($balancer.method) \($balancer.uri)", "to \($balancer.server), \($balancer.status)"] + ($balancer | how_found)
             else missing("no balancer logged its id") end),
         ms: ($balancer.total_ms | whole_ms)} end),

    {hop: "HTTP", from: ($balancer.node // $visitor), to: $nginx,
     what: (if $web then ["\($web.method) \($web.uri)", "\($web.status), \($web.bytes) bytes"] + ($web | how_found)
         else missing("no web server logged its id") end),
     ms: (if $web then $web.duration_s * 1000 | whole_ms else null end)},

    if $app == null and $web.upstream == "" then
        {hop: "FastCGI", from: $nginx, to: "-", what: ["not asked, by its log"], ms: null}
    else
    {hop: "FastCGI", from: $nginx, to: $shopd,
     what: (if $app then ["request \($app.request_id[:8])…, \($app.status)", "\($app.queue_us / 1000 | ms) ms of it in the queue"]
             + (if $web then [$web.upstream] else [] end)
         else missing("no application server logged its id") end),
     ms: (if $app then $app.duration_us / 1000 else null end)} end,

    (if $app and $app.redis_us > 0 then
        {hop: "Redis", from: $shopd, to: $stores, what: ["waited for, says shopd"], ms: ($app.redis_us / 1000)}
     else empty end),

    (if $app and $app.mysql_us == 0 then
        {hop: "SQL", from: $shopd, to: "-", what: ["not asked, by its log"], ms: null}
    elif $app then
        if $statements == [] then
            {hop: "SQL", from: $shopd, to: "?", what: missing("no MySQL logged a statement then"), ms: ($app.mysql_us / 1000)}
        else
            $statements[:4] | to_entries[]
            | {hop: "SQL", from: $shopd, to: (.value.node + "/mysql"), what: [.value.text],
               ms: (if .key == 0 then $app.mysql_us / 1000 else null end)}
        end
     else empty end),

    {hop: "answer", from: (if $door == "" then "?" else $door end), to: $visitor,
     what: (if $curl.http_code > 0 then
             ["HTTP/\($curl.http_version) \($curl.http_code), \($curl.size_download) bytes"]
             + [$sent.headers | split("\r\n")[] | select(test("^(x-served-by|x-lb|x-db-role):"; "i"))]
         else missing(if $curl.time_connect > 0 then $error else "no connection" end) end),
     ms: (if $curl.http_code > 0 then $curl.time_total * 1000 else null end)}
  ] as $hops

# --- The table ---

| "GET \($url)",
  "trace \($trace)",
  "",
  ({hop: "hop", from: "from", to: "to", what: ["what"], ms: "ms"}, $hops[] | row),
  "",
  "Each hop as its own machine saw it. \"answer\" is the whole, from the question for",
  "the name to the last byte; HTTP, FastCGI and SQL each contain the one below.",
  (if $statements == [] then empty else
  "MySQL logs no trace id: SQL is what it executed while shopd was at work on this." end)
