"""The members that are combined: fast ones at every refit, slow ones on a cadence of their own. PURE."""

from forecaster.members import (
    Member,
    direct,
    ets,
    harmonic,
    lags,
    level,
    mean,
    mstl,
    profile,
    seasonal_naive,
    unobserved,
)

SEASONAL_NAIVE = "seasonal-naive"
LAGS = "lags"
LEVEL = "level"
MEAN = "mean"

SEASONLESS = (LEVEL, MEAN)
"""What is left of a forecast where seasons don't help."""

FAST: tuple[Member, ...] = (
    Member(SEASONAL_NAIVE, seasonal_naive.fit),
    Member("profile", profile.fit),
    Member("harmonic", harmonic.fit),
    Member("direct", direct.fit),
    Member(LAGS, lags.fit),
    Member(LEVEL, level.fit),
    Member(MEAN, mean.fit),
)
SLOW: tuple[Member, ...] = (
    Member("ets", ets.fit),
    Member("mstl", mstl.fit),
    Member("unobserved", unobserved.fit),
)
