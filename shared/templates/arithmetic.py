"""What the operators of a template mean. Where operands do not fit there is no answer, which is None.

As in Velocity one odd item does not end a job: its sum is empty. Numbers are counted in decimals, so that
0.1 + 0.2 is 0.3, and whole numbers divide to whole numbers.
"""

import decimal
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from shared.templates.values import Value, is_number, text_of

Operator = Callable[[Value, Value], Value]
Number = int | Decimal

# Digits beyond these cost more than they tell: a square, repeated, doubles its digits each time.
_MAX_BITS = 512
_EXACT = decimal.Context(prec=34, Emax=400, Emin=-400)


def number_of(value: Value) -> Number | None:
    """The value as an exact number, or None if it is no number or beyond reckoning."""
    if not is_number(value):
        return None
    if isinstance(value, int):
        return value if value.bit_length() <= _MAX_BITS else None
    return _decimal(repr(value) if isinstance(value, float) else value)  # type: ignore[arg-type]


def _decimal(value: str | Decimal) -> Decimal | None:
    try:
        number = _EXACT.create_decimal(value)
    except decimal.DecimalException:
        return None
    return number if number.is_finite() else None


def negated(value: Value) -> Value:
    """The number with the other sign."""
    return _subtract(0, value)


def _reckoning(whole: Callable[[int, int], int], fraction: Callable[[Number, Number], Decimal]) -> Operator:
    def reckon(left: Value, right: Value) -> Value:
        a, b = number_of(left), number_of(right)
        if a is None or b is None:
            return None
        try:
            if isinstance(a, int) and isinstance(b, int):
                return number_of(whole(a, b))
            return fraction(a, b)
        except ArithmeticError:
            return None

    return reckon


def _comparing(compare: Callable[[Any, Any], bool]) -> Operator:
    def is_so(left: Value, right: Value) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        a, b = number_of(left), number_of(right)
        return a is not None and b is not None and compare(a, b)

    return is_so


def _whole_quotient(a: int, b: int) -> int:
    """Towards zero, as in Java; Python's // rounds down."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _whole_remainder(a: int, b: int) -> int:
    remainder = abs(a) % abs(b)
    return -remainder if a < 0 else remainder


def _equal(left: Value, right: Value) -> bool:
    """Numbers by what they count, other single values by how they are written; lists and maps never."""
    if left is None or right is None:
        return left is right
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return False
    a, b = number_of(left), number_of(right)
    if a is not None and b is not None:
        return a == b
    return text_of(left) == text_of(right)


def _add(left: Value, right: Value) -> Value:
    if isinstance(left, str) or isinstance(right, str):
        return text_of(left) + text_of(right)
    return _add_numbers(left, right)


_add_numbers = _reckoning(operator.add, _EXACT.add)
_subtract = _reckoning(operator.sub, _EXACT.subtract)

OPERATORS: dict[str, Operator] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _comparing(operator.lt),
    "<=": _comparing(operator.le),
    ">": _comparing(operator.gt),
    ">=": _comparing(operator.ge),
    "+": _add,
    "-": _subtract,
    "*": _reckoning(operator.mul, _EXACT.multiply),
    "/": _reckoning(_whole_quotient, _EXACT.divide),
    "%": _reckoning(_whole_remainder, _EXACT.remainder),
}
