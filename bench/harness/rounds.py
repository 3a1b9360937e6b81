"""Measuring something and its ceiling in turn, so that a noisy neighbour hits both."""

from statistics import mean, median


def in_turn(rounds, ceiling, measure):
    """ceiling, measurement, ceiling, … and a ceiling last: each measurement stands between two.
    Returns for each round the mean of its two ceilings, and the measurements."""
    ceilings, measured = [ceiling()], []
    for _ in range(rounds):
        measured.append(measure())
        ceilings.append(ceiling())
    around = [{key: mean((before[key], after[key])) for key in before}
              for before, after in zip(ceilings, ceilings[1:])]
    return around, measured


def median_of(results, key):
    return median(result[key] for result in results)


def median_ratio(measured, ceilings, key, ceiling_key=None):
    """The median of the ratios of each round, not the ratio of medians: rounds differ."""
    return median(m[key] / c[ceiling_key or key] for m, c in zip(measured, ceilings))
