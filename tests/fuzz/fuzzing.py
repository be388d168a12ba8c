"""How many examples a property is tried with: a few, always the same, or as many random ones as asked for.

And texts that are put together of what means something to a parser, because random ones hardly ever do.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

FEW = 100
PROFILE = "fuzz"
# No input may keep a parser busy for longer. Generous, because a machine may have other things to do.
DEADLINE = timedelta(seconds=5)

Test = TypeVar("Test", bound=Callable[..., None])


def choose(examples: int | None) -> None:
    """Make the profile that `fuzzed` takes; without a count it is the small one that repeats itself.

    Properties tried elsewhere keep Hypothesis' own, but for its patience.
    """
    settings.register_profile("patient", deadline=DEADLINE, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")
    settings.register_profile(
        PROFILE,
        max_examples=examples or FEW,
        derandomize=examples is None,
        database=None,
        deadline=DEADLINE,
        # What tests share is only read; and what is slow to make is what the parsers are to be tried with.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def repeated(few: int, **chosen: Any) -> settings:
    """For what asks real services at length: a few examples without a count, and as many as it says with one.

    There is no deadline. What else is chosen is Hypothesis'.
    """
    profile = settings.get_profile(PROFILE)
    examples = few if profile.derandomize else profile.max_examples
    return settings(profile, max_examples=examples, deadline=None, **chosen)


def fuzzed(test: Test) -> Test:
    """The property, tried with as many examples as the profile says."""
    return _fuzzed(test, 1)


def fuzzed_seldom(test: Test) -> Test:
    """The same with a twentieth of the examples, for what each of them costs more."""
    return _fuzzed(test, 1 / 20)


def fuzzed_often(test: Test) -> Test:
    """The same with ten times the examples, for what costs next to nothing and is rarely wrong."""
    return _fuzzed(test, 10)


def _fuzzed(test: Test, share: float) -> Test:
    profile = settings.get_profile(PROFILE)
    decorated: Test = settings(profile, max_examples=max(1, int(profile.max_examples * share)))(test)
    return decorated


def of_pieces(pieces: Iterable[str], *, most: int = 25) -> st.SearchStrategy[str]:
    """Texts of these pieces, any number of times and in any order, and now and then of any character."""
    known = st.sampled_from(sorted(set(pieces)))
    return st.lists(known | known | known | st.text(max_size=3), max_size=most).map("".join)


def altered(samples: Mapping[str, bytes]) -> st.SearchStrategy[bytes]:
    """One of the samples with some bytes gone, others doubled, and others put in."""
    changes = st.tuples(st.integers(0, 1 << 16), st.integers(0, 4), st.binary(max_size=4))
    return st.builds(_altered, st.sampled_from(list(samples.values())), st.lists(changes, max_size=4))


def _altered(sample: bytes, changes: Iterable[tuple[int, int, bytes]]) -> bytes:
    for place, gone, put_in in changes:
        at = place % (len(sample) + 1)
        sample = sample[:at] + put_in + sample[at + gone :]
    return sample
