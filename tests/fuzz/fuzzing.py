"""How many examples a property is tried with: a few, always the same, or as many random ones as asked for."""

from datetime import timedelta

from hypothesis import settings

FEW = 100
PROFILE = "fuzz"
# No input may keep a parser busy for longer. Generous, because a machine may have other things to do.
DEADLINE = timedelta(seconds=5)


def choose(examples: int | None) -> None:
    """Make the profile that `fuzzed` takes; without a count it is the small one that repeats itself."""
    settings.register_profile(
        PROFILE,
        max_examples=examples or FEW,
        derandomize=examples is None,
        database=None,
        deadline=DEADLINE,
    )
