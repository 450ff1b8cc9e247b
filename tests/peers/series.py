"""The series of shopd that the tests look at: the only place where they are named, and reading them.

    series.py ADDRESS SERIES...    prints their values, a line each
"""

import re
import sys

import fcgi

CONNECTIONS_OPENED = "shopd_fcgi_connections_total"
CONNECTIONS = "shopd_fcgi_connections"
MALFORMED = 'shopd_fcgi_errors_total{kind="malformed"}'
TOO_SLOW = 'shopd_fcgi_errors_total{kind="timeout"}'
UNKNOWN_TYPE = 'shopd_fcgi_errors_total{kind="unknown_type"}'
UNKNOWN_ROLE = 'shopd_fcgi_errors_total{kind="unknown_role"}'
OVERLOADED = 'shopd_fcgi_errors_total{kind="overloaded"}'
INACTIVE_ID = 'shopd_fcgi_errors_total{kind="inactive_id"}'
ABORTED = "shopd_requests_aborted_total"
NOT_READ = 'shopd_requests_refused_total{reason="not_read"}'
STOPPING = 'shopd_requests_refused_total{reason="stopping"}'
QUEUED = "shopd_queue_length"
BUSY = "shopd_workers_busy"
MEMORY = "process_resident_memory_bytes"
OPEN_FILES = "process_open_fds"


def answered(status):
    """Requests answered with a status, whatever the route."""
    return f'shopd_http_requests_total{{code="{status}"}}'


def labels(text):
    return set(re.findall(r'\w+="[^"]*"', text))


class Shopd:
    """Reads the series of a shopd, on a connection of its own that stays: so it does not count itself."""

    def __init__(self, address):
        self.connection = fcgi.Connection(address)

    def all(self):
        text = self.connection.ask("/metrics").body.decode()
        return [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]

    def value(self, *wanted):
        """The sum of these series; one with fewer labels than shopd has stands for all that have those."""
        total = 0.0
        for series, number in self.all():
            name, _, rest = series.partition("{")
            for want in wanted:
                want_name, _, want_rest = want.partition("{")
                if name == want_name and labels(want_rest) <= labels(rest):
                    total += float(number)
        return total

    def in_work(self):
        return self.value(QUEUED, BUSY)


def main(address, *wanted):
    shopd = Shopd(address)
    for series in wanted:
        print(f"{shopd.value(series):g}")


if __name__ == "__main__":
    main(*sys.argv[1:])
