"""Numbers out of rounds: medians, ranges, and how sure a ratio is."""

import random
from statistics import median

RESAMPLES = 10_000


def bootstrap(values):
    """The 95 % interval of the median: that of samples drawn from the values, with replacement. Same values, same
    interval: the generator starts from a fixed seed."""
    chance = random.Random(1)
    medians = sorted(median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975)]


def ratio(upper, lower):
    """Value, low and high of upper/lower: each round is compared with itself, so that what disturbs both cancels."""
    values = [a / b for a, b in zip(upper, lower, strict=True)]
    low, high = bootstrap(values)
    return {"value": median(values), "low": low, "high": high, "n": len(values)}
