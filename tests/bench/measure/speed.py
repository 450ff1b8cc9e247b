"""How fast: requests a second and CPU time, side by side, in rounds that alternate A B A B."""

from statistics import median

from . import engine, pages, samples, stack
from .goals import Goal, Measure, NotRun

HELLO, PRODUCT, LIST = "/livez", "/products/1", "/products?page=2"
WARM_UP_SECONDS = 1
OTHER_TIERS = ("nginx", "mysql", "load")


def alternate(settings, services, path):
    """The runs of each service, a run a round. A failed request makes the comparison worthless."""
    pages.require_same(services, path)
    for service in services:
        stack.load(service, path, WARM_UP_SECONDS)
    runs = {service: [] for service in services}
    for number in range(settings.rounds):
        for service in services:
            settings.say(f"{path}: round {number + 1} of {settings.rounds}, {service}")
            run = stack.load(service, path, settings.seconds, count_cpu=[service, *OTHER_TIERS])
            if run.errors > 0 or run.requests == 0:
                raise NotRun(f"{service} failed {run.errors} of {run.requests} requests for {path}")
            runs[service].append(run)
    return runs


def rates(runs):
    return [run.rate for run in runs]


def cpu(service, runs):
    return [run.cpu_per_request(service) for run in runs]


def beside(runs, ours, theirs):
    """The medians behind a ratio."""
    pair = {"ours": ours, "theirs": theirs}
    return {
        "rate": {who: median(rates(runs[name])) for who, name in pair.items()},
        "cpu_us": {who: median(cpu(name, runs[name])) for who, name in pair.items()},
    }


def faster(runs, ours, theirs):
    return {**samples.ratio(rates(runs[ours]), rates(runs[theirs])), **beside(runs, ours, theirs), "tiers": {
        name: {tier: round(median(cpu(tier, runs[name])), 1) for tier in (name, *OTHER_TIERS)} for name in (ours, theirs)}}


def thriftier(runs, ours, theirs):
    return {**samples.ratio(cpu(theirs, runs[theirs]), cpu(ours, runs[ours])), **beside(runs, ours, theirs)}


def hello(settings):
    runs = alternate(settings, ["null", "shopd", "prefork", "php", "shopd-logging", "nginx"], HELLO)
    return [
        faster(runs, "shopd", "null"),
        thriftier(runs, "shopd", "php"),
        faster(runs, "shopd", "prefork"),
        faster(runs, "shopd", "php"),
        faster(runs, "shopd", "nginx"),
        faster(runs, "shopd-logging", "shopd"),
        {**samples.ratio(cpu("shopd-logging", runs["shopd-logging"]), cpu("shopd", runs["shopd"])),
         **beside(runs, "shopd-logging", "shopd")},
    ]


def threaded(settings):
    """As many connections as it has threads: with one more it hangs."""
    runs = {name: [] for name in ("shopd", "threaded")}
    for _ in range(settings.rounds):
        for name, done in runs.items():
            done.append(stack.load(name, HELLO, settings.seconds, connections=8, count_cpu=[name]))
    failed = sum(run.errors for run in runs["threaded"])
    return [{**faster(runs, "shopd", "threaded"), "note": f"{failed} failed requests of libfcgi"}]


def page(path):
    def run(settings):
        runs = alternate(settings, ["shopd", "php"], path)
        return [faster(runs, "shopd", "php"), thriftier(runs, "shopd", "php")]

    return run


def cached(settings):
    if not engine.has_image("webstack/redis"):
        raise NotRun("there is no image webstack/redis yet")
    stack.up("redis", "shopd-cached")
    stack.within(30, "shopd-cached answers", lambda: stack.answers("shopd-cached"))
    runs = alternate(settings, ["shopd", "shopd-cached"], PRODUCT)
    return [faster(runs, "shopd-cached", "shopd")]


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
    Measure("libfcgi as documented", [Goal("hello, 8 connections: requests/s against libfcgi as documented")], threaded),
    Measure(
        "product page",
        [
            Goal("product page: requests/s against PHP-FPM", least=1.8),
            Goal("product page: CPU µs per request of the application, PHP-FPM / ours", least=4),
        ],
        page(PRODUCT),
    ),
    Measure(
        "list page",
        [
            Goal("list page: requests/s against PHP-FPM", least=2),
            Goal("list page: CPU µs per request of the application, PHP-FPM / ours", least=5),
        ],
        page(LIST),
    ),
    Measure(
        "cached page",
        [Goal("cached product page: requests/s against the uncached one", least=1.3)],
        cached,
    ),
]
