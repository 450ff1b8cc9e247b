-- The body of an answer that HAProxy makes itself: a page for people, JSON (RFC 9457) for programs. http-error has room
-- for one body a status; this is it, as lua.error_body(STATUS) in visitors.cfg.

local FOLDER = "/etc/haproxy/errors/"

local ERRORS = {
    ["429"] = { title = "Too Many Requests", detail = "More requests came from your address than one visitor may send." },
    ["502"] = { title = "Bad Gateway", detail = "The web server left during its answer." },
    ["503"] = { title = "Service Unavailable", detail = "No web server can take the request." },
    ["504"] = { title = "Gateway Timeout", detail = "The web server took the request and gave no answer in time." },
}

-- HAProxy reads them when it starts, also for a reload. It writes the end of a line as %0A, as it has to in a header, so
-- all is one line; in <pre> a line ends with <br>.
local function read(name)
    local file = assert(io.open(FOLDER .. name))
    local text = file:read("a")
    file:close()
    return (text:gsub("%s+", " "))
end

for status, error in pairs(ERRORS) do
    error.page = read("parts/head.html") .. read(status .. ".html") .. read("parts/foot.html")
end
local STYLE = read("style.css")

-- fill(TEXT, VALUES): with {name} replaced by what VALUES has of that name. Names are of letters only, so that the
-- braces of the style sheet are not taken for one.
local function fill(text, values)
    return (text:gsub("{(%a+)}", values))
end

local JSON = '{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}","request_id":"{id}"}'

core.register_fetches("error_body", function(txn, status)
    local error = ERRORS[status]
    local values = {
        status = status,
        title = error.title,
        detail = error.detail,
        node = txn.f:hostname(),
        id = txn.f:unique_id(),
        style = STYLE,
    }
    return fill(txn:get_var("txn.api") and JSON or error.page, values)
end)
