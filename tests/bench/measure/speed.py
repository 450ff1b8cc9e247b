"""How fast: requests a second and CPU time, side by side, in rounds that alternate A B A B."""

from statistics import median

from . import pages, samples, stack
from .goals import Goal, Measure, NotRun

HELLO, PRODUCT, LIST = "/livez", "/products/1", "/products?page=2"
WARM_UP_SECONDS = 1
LINES_DROPPED = "shopd_log_lines_dropped_total"
RESULTS = ("hit", "stale", "miss", "error")
OTHER_TIERS = ("nginx", "mysql", "load")


def prepare(services, path, script="report"):
    """All give the same answer, and have their connections and caches."""
    pages.require_same(services, path)
    for service in services:
        stack.load(service, path, WARM_UP_SECONDS, script=script)


def rounds(settings, services, path, script="report"):
    """The runs of each service, a run a round. A failed request makes the comparison worthless."""
    runs = {service: [] for service in services}
    for number in range(settings.rounds):
        for service in services:
            settings.say(f"{path}: round {number + 1} of {settings.rounds}, {service}")
            run = stack.load(service, path, settings.seconds, script=script, count_cpu=[service, *OTHER_TIERS])
            if run.errors > 0 or run.requests == 0:
                raise NotRun(f"{service} failed {run.errors} of {run.requests} requests for {path}")
            runs[service].append(run)
    return runs


def alternate(settings, services, path, script="report"):
    prepare(services, path, script)
    return rounds(settings, services, path, script)


def rates(runs):
    return [run.rate for run in runs]


def cpu(service, runs):
    return [run.cpu_per_request(service) for run in runs]


def beside(runs, ours, theirs):
    """The medians behind a ratio, and where the CPU time of a request went."""
    pair = {"ours": ours, "theirs": theirs}
    return {
        "rate": {who: median(rates(runs[name])) for who, name in pair.items()},
        "cpu_us": {who: median(cpu(name, runs[name])) for who, name in pair.items()},
        "tiers": {
            name: {tier: median(cpu(tier, runs[name])) for tier in (name, *OTHER_TIERS)} for name in (ours, theirs)
        },
    }


def faster(runs, ours, theirs):
    return {**samples.ratio(rates(runs[ours]), rates(runs[theirs])), **beside(runs, ours, theirs)}


def thriftier(runs, ours, theirs):
    return {**samples.ratio(cpu(theirs, runs[theirs]), cpu(ours, runs[ours])), **beside(runs, ours, theirs)}


def hello(settings):
    """A line of log that was left out costs nothing, so the row says how many were."""
    before = stack.metric("shopd-logging", LINES_DROPPED)
    runs = alternate(settings, ["null", "shopd", "prefork", "php", "shopd-logging", "nginx"], HELLO)
    dropped = stack.metric("shopd-logging", LINES_DROPPED) - before
    logged = sum(run.requests for run in runs["shopd-logging"])
    lines = {"note": f"{min(1, dropped / logged):.0%} of the lines left out, standard error being too slow"}
    return [
        faster(runs, "shopd", "null"),
        thriftier(runs, "shopd", "php"),
        faster(runs, "shopd", "prefork"),
        faster(runs, "shopd", "php"),
        samples.ratio(rates(runs["shopd"]), rates(runs["nginx"])),
        {**faster(runs, "shopd-logging", "shopd"), **lines},
        {**samples.ratio(cpu("shopd-logging", runs["shopd-logging"]), cpu("shopd", runs["shopd"])),
         **beside(runs, "shopd-logging", "shopd"), **lines},
    ]


def threaded(settings):
    """Without kept connections, with which it hangs (see idle connections in calm.py)."""
    runs = alternate(settings, ["shopd", "threaded"], HELLO)
    return [faster(runs, "shopd", "threaded")]


def page(path, script):
    def run(settings):
        runs = alternate(settings, ["shopd", "php"], path, script)
        return [faster(runs, "shopd", "php"), thriftier(runs, "shopd", "php")]

    return run


def looks():
    """How often shopd has looked into its cache, by what came of it."""
    series = "shopd_cache_requests_total"
    return {result: stack.metric("shopd-cached", f'{series}{{result="{result}"}}') for result in RESULTS}


def cached(settings):
    """The page must really come from the cache: all but those that MySQL answered while the product was not in it."""
    services = ["shopd", "shopd-cached"]
    prepare(services, PRODUCT, "products")
    before = looks()
    runs = rounds(settings, services, PRODUCT, "products")
    after = looks()
    total = sum(after.values()) - sum(before.values())
    share = {result: (after[result] - before[result]) / total for result in RESULTS}
    note = ", ".join(f"{share[result]:.2%} {result}" for result in RESULTS)
    if share["hit"] + share["stale"] < 0.99:
        raise NotRun(f"not enough of the requests came from the cache: {note}")
    return [{**faster(runs, "shopd-cached", "shopd"), "note": note}]


MEASURES = [
    Measure(
        "hello",
        [
            Goal("hello: requests/s against the null responder", least=0.85),
            Goal("hello: CPU µs per request of the application, PHP-FPM / ours", least=6),
            Goal("hello: requests/s against best-tuned libfcgi", least=1.3),
            Goal("hello: requests/s against PHP-FPM"),
            Goal("hello: requests/s against Nginx' own return"),
            Goal("hello: requests/s with a log line for each against without"),
            Goal("hello: CPU µs per request with a log line for each against without"),
        ],
        hello,
    ),
    Measure(
        "libfcgi as documented",
        [Goal("hello: requests/s against libfcgi as documented, a connection for each request")],
        threaded,
    ),
    Measure(
        "product page",
        [
            Goal("product page: requests/s against PHP-FPM", least=1.8),
            Goal("product page: CPU µs per request of the application, PHP-FPM / ours", least=4),
        ],
        page(PRODUCT, "products"),
    ),
    Measure(
        "list page",
        [
            Goal("list page: requests/s against PHP-FPM", least=2),
            Goal("list page: CPU µs per request of the application, PHP-FPM / ours", least=5),
        ],
        page(LIST, "lists"),
    ),
    Measure(
        "cached page",
        [Goal("cached product page: requests/s against the uncached one", least=1.3)],
        cached,
    ),
]
