"""What a curve is: points of growth, drawn in panels of one picture that share what grows."""

from dataclasses import dataclass, field

Point = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One quantity, with a curve for each way of doing it."""

    quantity: str
    unit: str
    curves: dict[str, list[Point]] = field(default_factory=dict)
    is_time: bool = False  # that depends on what else the machine does

    def add(self, curve: str, grown: float, value: float) -> None:
        self.curves.setdefault(curve, []).append((grown, value))


@dataclass(frozen=True)
class Picture:
    """What happens as one thing grows."""

    name: str
    grows: str
    panels: list[Panel]
    is_logarithmic: bool = False
