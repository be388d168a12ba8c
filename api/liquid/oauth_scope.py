"""The notation of scopes: `community=NAME` and what a device tells about itself, separated by spaces.

Values may hold spaces themselves (`hardwareName=joe's Test harness`), so a pair ends where the next known
name begins. A scope of one bare word is a community, as the vendor's documentation shows it.
"""

import re
from dataclasses import dataclass

from authlib.oauth2.rfc6749 import InvalidScopeError

COMMUNITY = "community"
NAMES = (COMMUNITY, "deviceId", "hardwareId", "hardwareName", "applicationName", "clientBuild")
MAX_CHARACTERS = 1000

_NAME = re.compile(rf"(?:^|(?<= ))({'|'.join(NAMES)})=")
EXPECTED = f"Expected pairs such as community=NAME, separated by spaces, of: {', '.join(NAMES)}."


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope, read."""

    community: str | None
    # The other pairs, in their notation.
    properties: str


def read_scope(text: str | None) -> Scope:
    """What a request asks for; nothing where it has no scope. Raises InvalidScopeError."""
    text = (text or "").strip()
    if len(text) > MAX_CHARACTERS or not text.isprintable():
        raise InvalidScopeError(f"A scope has up to {MAX_CHARACTERS} printable characters.")
    start, *found = _NAME.split(text)
    if start:
        return _bare(start, is_alone=not found)
    pairs = _pairs(found)
    community = pairs.pop(COMMUNITY, None)
    return Scope(community or None, " ".join(f"{name}={value}" for name, value in pairs.items()))


def write_scope(community: str | None, properties: str) -> str:
    """The scope in the notation that `read_scope` reads."""
    first = [f"{COMMUNITY}={community}"] if community is not None else []
    return " ".join([*first, *([properties] if properties else [])])


def _bare(word: str, *, is_alone: bool) -> Scope:
    if not is_alone or "=" in word or " " in word:
        raise InvalidScopeError(f"The scope does not begin with a pair that is known. {EXPECTED}")
    return Scope(word, "")


def _pairs(found: list[str]) -> dict[str, str]:
    names = found[::2]
    if len(set(names)) < len(names):
        raise InvalidScopeError(f"The scope has a pair twice. {EXPECTED}")
    return dict(zip(names, (value.strip() for value in found[1::2]), strict=True))
