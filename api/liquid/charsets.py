"""Character sets by the names that clients give them."""

import codecs
import encodings
import pkgutil
from encodings.aliases import aliases
from functools import cache

from api.usecases.jobs import JobRefused

# Ways to write texts in other texts, which Python decodes like charsets. Some hold all of a file to do so:
# UTF-7 one that is base64 from end to end, and begins again with each piece of it.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"})


def charset_called(name: str) -> str:
    """Python's name of a character set. Raises JobRefused."""
    try:
        if not _is_known(name):
            raise LookupError
        info = codecs.lookup(name)
        b"a".decode(name, "ignore")  # of Python's codecs some are no character sets
    except (LookupError, ValueError) as error:
        raise JobRefused(f"The charset {name!r} is not known.") from error
    if info.name in _NO_CHARSETS:
        raise JobRefused(f"The charset {name!r} is not known.")
    return info.name


def _is_known(name: str) -> bool:
    # Python remembers each name that it was ever asked for in vain.
    return encodings.normalize_encoding(name).replace(".", "_").lower() in _known()


@cache
def _known() -> frozenset[str]:
    return frozenset(aliases) | {module.name for module in pkgutil.iter_modules(encodings.__path__)}
