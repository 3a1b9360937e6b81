"""Measuring something and its ceiling in turn, so that a noisy neighbour hits both."""

from statistics import median


def in_turn(rounds, ceiling, measure):
    """Calls both `rounds` times, each ceiling just before its measurement."""
    pairs = [(ceiling(), measure()) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def median_of(results, key):
    return median(result[key] for result in results)


def median_ratio(measured, ceilings, key, ceiling_key=None):
    """The median of the ratios of each round, not the ratio of medians: rounds differ."""
    return median(m[key] / c[ceiling_key or key] for m, c in zip(measured, ceilings))
