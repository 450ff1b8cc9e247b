# Every image of the lab, and which is built from which: docker buildx bake --file services/images.hcl
# The base of all is debian:trixie-slim, see services/toolbox/host/base.sh.

variable "MYSQL_ARCHIVE" { default = "" }
variable "NPM_REGISTRY" { default = "" }

group "stage-0" { targets = ["server", "dns", "client", "gateway"] }
group "stage-1" { targets = ["haproxy", "server", "dns", "client", "gateway"] }
group "stage-2" { targets = ["balancer", "server", "monitor", "dns", "client", "gateway"] }
group "stage-3" { targets = ["balancer", "web", "app", "db", "cache", "monitor", "dns", "client", "gateway"] }
group "harness" { targets = ["toolbox", "app-tools"] }
group "tests" { targets = ["app-live", "server", "client", "mysql", "redis", "haproxy", "balancer", "shopd-server", "peers", "promtool", "browser", "testssl"] }
group "bench" { targets = ["mysql", "redis", "shopd-server", "bench-nginx", "bench-php", "bench-peers", "bench-load"] }
group "everything" { targets = ["stage-0", "stage-1", "stage-2", "stage-3", "harness", "tests", "bench"] }

# --- What others are built from ---

target "mysql-packages" {
  context = "services/mysql"
  target  = "packages"
  args    = { MYSQL_ARCHIVE = MYSQL_ARCHIVE }
}

target "app-tools" {
  context  = "app"
  target   = "tools"
  tags     = ["webstack/app-tools"]
  contexts = { mysql-packages = "target:mysql-packages" }
}

target "app-live" {
  context  = "app"
  target   = "live"
  tags     = ["webstack/app-live"]
  contexts = { mysql-packages = "target:mysql-packages" }
}

target "catalogue" {
  context  = "app"
  target   = "catalogue"
  contexts = { mysql-packages = "target:mysql-packages" }
}

target "shopd" {
  context  = "app"
  target   = "shopd"
  contexts = { mysql-packages = "target:mysql-packages" }
}

# For programs that read their configuration while their image is built.
target "check-certificate" {
  context = "services/haproxy"
  target  = "certificate"
}

target "mysql" {
  context  = "services/mysql"
  target   = "mysql"
  tags     = ["webstack/mysql"]
  contexts = { catalogue = "target:catalogue" }
  args     = { MYSQL_ARCHIVE = MYSQL_ARCHIVE }
}

# --- Machines ---

target "server" {
  context = "services/server"
  tags    = ["webstack/server"]
  contexts = {
    certificate    = "target:check-certificate"
    firewall       = "services/firewall"
    machine        = "services/machine"
    mysql          = "target:mysql"
    mysql-packages = "target:mysql-packages"
    nginx          = "services/nginx"
    agent          = "services/agent"
    static         = "app/static"
    shopd          = "target:shopd"
  }
}

# A tier's machines each: web servers, application servers, databases, sessions and cache.
target "web" {
  context = "services/web"
  tags    = ["webstack/web"]
  contexts = {
    agent       = "services/agent"
    certificate = "target:check-certificate"
    firewall    = "services/firewall"
    keepalived  = "services/keepalived"
    machine     = "services/machine"
    nginx       = "services/nginx"
    server      = "services/server"
    static      = "app/static"
  }
}

target "app" {
  context = "services/app"
  tags    = ["webstack/app"]
  contexts = {
    agent          = "services/agent"
    firewall       = "services/firewall"
    machine        = "services/machine"
    mysql-packages = "target:mysql-packages"
    nginx          = "services/nginx"
    server         = "services/server"
    shopd          = "target:shopd"
    shopd-files    = "services/shopd"
  }
}

target "db" {
  context = "services/db"
  tags    = ["webstack/db"]
  contexts = {
    agent          = "services/agent"
    firewall       = "services/firewall"
    machine        = "services/machine"
    mysql          = "target:mysql"
    mysql-packages = "target:mysql-packages"
    server         = "services/server"
    shopd          = "target:shopd"
  }
}

target "cache" {
  context  = "services/cache"
  tags     = ["webstack/cache"]
  contexts = {
    agent    = "services/agent"
    firewall = "services/firewall"
    machine  = "services/machine"
    redis    = "target:redis"
  }
}

target "shopd-server" {
  context = "services/shopd"
  tags    = ["webstack/shopd"]
  contexts = {
    mysql-packages = "target:mysql-packages"
    shopd          = "target:shopd"
  }
}

target "dns" {
  context = "services/dns"
  tags    = ["webstack/dns"]
}

target "client" {
  context  = "services/client"
  tags     = ["webstack/client"]
  contexts = { mysql-packages = "target:mysql-packages" }
}

target "gateway" {
  context = "services/gateway"
  tags    = ["webstack/gateway"]
}

target "haproxy" {
  context  = "services/haproxy"
  tags     = ["webstack/haproxy"]
  contexts = { static = "app/static" }
}

# HAProxy on a machine with more programs.
target "balancer" {
  context  = "services/balancer"
  tags     = ["webstack/balancer"]
  contexts = {
    firewall   = "services/firewall"
    machine    = "services/machine"
    haproxy    = "target:haproxy"
    keepalived = "services/keepalived"
    agent      = "services/agent"
  }
}

# Prometheus and what belongs to it.
target "monitor" {
  context  = "services/monitor"
  tags     = ["webstack/monitor"]
  contexts = { firewall = "services/firewall" }
}

target "redis" {
  context = "services/redis"
  tags    = ["webstack/redis"]
}

# --- The harness ---

target "toolbox" {
  context = "services/toolbox"
  tags    = ["webstack/toolbox"]
}

# What tests judge with.
target "promtool" {
  context = "tests/promtool"
  tags    = ["webstack/promtool"]
}

# What tries the site's TLS.
target "testssl" {
  context  = "tests/testssl"
  tags     = ["webstack/testssl"]
  contexts = { client = "target:client" }
}

# The web servers that shopd is tested with.
target "peers" {
  context  = "tests/peers"
  tags     = ["webstack/peers"]
  contexts = { nginx = "services/nginx" }
}

# A visitor with a browser. images.sh adds the certificates that this host trusts npm's packages by.
target "browser" {
  context = "tests/browser"
  tags    = ["webstack/browser"]
  args    = { NPM_REGISTRY = NPM_REGISTRY }
}

# --- What make bench compares shopd with ---

target "bench-nginx" {
  context = "tests/bench"
  target  = "nginx"
  tags    = ["webstack/bench-nginx"]
}

target "bench-php" {
  context = "tests/bench"
  target  = "php"
  tags    = ["webstack/bench-php"]
}

target "bench-peers" {
  context = "tests/bench"
  target  = "peers"
  tags    = ["webstack/bench-peers"]
}

target "bench-load" {
  context = "tests/bench"
  target  = "load"
  tags    = ["webstack/bench-load"]
}
