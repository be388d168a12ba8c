"""How much a template may be and do. The bounds hold for one rendering, so for one item.

What the renderings of a job may take together is its `shared.templates.budget`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """A rendering that reaches one of these ends as `LimitReached`."""

    source_characters: int = 65_536
    # Of the result; the texts a template builds on the way count for as much again.
    output_characters: int = 4 * 1024 * 1024
    # References, operators, function calls and turns of loops; entries of lists the template makes.
    steps: int = 500_000
    seconds: float = 1.0  # of processor time
