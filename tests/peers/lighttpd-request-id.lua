-- The request header X-Request-Id becomes the variable REQUEST_ID.
lighty.r.req_env["REQUEST_ID"] = lighty.r.req_header["X-Request-Id"]
