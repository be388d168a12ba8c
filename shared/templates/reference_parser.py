"""References out of a template's source, and the text around them.

Whether a dot or a bracket belongs to a reference or to the text behind it is decided here, as in
Velocity: `$name.` ends a sentence, `$name.first` does not.
"""

import re
from abc import ABC, abstractmethod

from shared.templates.expressions import Call, Constant, Expression, OrElse, Path, Shown, Variable
from shared.templates.functions import FUNCTIONS
from shared.templates.scanner import Scanner


class ReferenceParser(ABC):
    """Reads where its scanner stands; in a text white space counts."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._take = scanner.take
        self._need = scanner.need

    @abstractmethod
    def expression(self) -> Expression:
        """The expression that begins here, as an index or an argument."""

    @abstractmethod
    def listed(self, end: re.Pattern[str], expected: str) -> list[Expression]:
        """Expressions with commas between them, up to `end`."""

    def piece(self) -> Expression:
        """The next part of a text: a run of characters, or a reference."""
        if found := self._take(_TEXT):
            return Constant(found[0])
        if found := self._take(_BACKSLASHES):
            return Constant(self._unescaped(*found.groups()))
        return self._shown() or Constant(self._scanner.need(_ANY, "a character")[0])

    def _unescaped(self, backslashes: str, sign: str | None) -> str:
        """Before `$` and `#` each two backslashes mean one, and a last one that the sign is but a sign."""
        if sign is None:
            return backslashes
        if len(backslashes) % 2 == 0:
            self._scanner.position -= 1
            sign = ""
        return "\\" * (len(backslashes) // 2) + sign

    def _shown(self) -> Expression | None:
        start = self._scanner.position
        opening = self._take(REFERENCE)
        if opening is None:
            return None
        value = self.reference(opening)
        quiet = opening[1]
        return value if quiet else Shown(value, self._scanner.source[start : self._scanner.position])

    def reference(self, opening: re.Match[str]) -> Expression:
        """The reference whose beginning was just read."""
        value = self._path(opening[3])
        if opening[2]:
            if self._take(_FALLBACK):
                value = OrElse(value, self.expression())
            self._need(_BRACE, "} at the end of the reference")
        return value

    def _path(self, name: str) -> Expression:
        line = self._scanner.line
        called = self._take(_CALL) if name in FUNCTIONS else None
        base = self._call(name, called) if called else Variable(line, name)
        keys: list[Expression] = []
        while key := self._key():
            keys.append(key)
        return Path(line, base, tuple(keys)) if keys else base

    def _key(self) -> Expression | None:
        if self._take(_INDEX):
            key = self.expression()
            self._need(_BRACKET, "] after the index (write ${name} where a bracket is text)")
            return key
        if found := self._take(_METHOD):
            self._scanner.fail(
                f"values have no methods, and here is {found[0]}; functions are called as"
                f" {', '.join(f'${family}.name(...)' for family in FUNCTIONS)}."
                " Write ${name} where the bracket is text.",
                found.start(),
            )
        found = self._take(_MEMBER)
        return Constant(found[1]) if found else None

    def _call(self, family: str, called: re.Match[str]) -> Expression:
        line, name = self._scanner.line, called[1]
        known = FUNCTIONS[family]
        if name not in known:
            self._scanner.fail(
                f"there is no function ${family}.{name}; there are {', '.join(known)}.", called.start(1)
            )
        arguments = self.listed(_CLOSE, ") after the arguments")
        function, given = known[name], len(arguments)
        if not function.least <= given <= function.most:
            wanted = " or ".join(str(count) for count in sorted({function.least, function.most}))
            self._scanner.fail(
                f"${family}.{name} takes {wanted} argument(s), and {given} are given.", called.start(1)
            )
        return Call(line, function, tuple(arguments))


# Possessive where they repeat: what has been taken is never given back, so that time is linear.
_TEXT = re.compile(r"[^$#\\]++")
_BACKSLASHES = re.compile(r"(\\++)([$#])?")
_ANY = re.compile(r"(?s:.)")
_NAME = "[A-Za-z_][A-Za-z0-9_]*+"
REFERENCE = re.compile(rf"\$(!)?+({{)?+({_NAME})")
_CALL = re.compile(rf"\.({_NAME})\(")
_METHOD = re.compile(rf"\.{_NAME}\(")
_MEMBER = re.compile(rf"\.({_NAME})")
_INDEX, _BRACKET = re.compile(r"\["), re.compile(r"\]")
_FALLBACK, _BRACE = re.compile(r"\|"), re.compile(r"\}")
_CLOSE = re.compile(r"\)")
