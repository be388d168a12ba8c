"""NUL in a value that an equal name behind it hides from the parser: the database reads both, and refuses.

Unlike other things that only the database refuses, it can be told by looking at what is sent: in 0.02 of the
1.3 s that 200,000 lines take. A block of 5,000 such lines took 6.5 s by halving and takes 0.13 (two cores,
documents of 206 bytes, 2026-11-25).
"""

import re

from shared.instructions import Batch

# An escaped backslash before `u0000` is text: backslashes must be odd in number. JSON has them in texts only.
_ESCAPE = rb"\u0000"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")


def without_hidden_nul(batch: Batch) -> Batch:
    """The batch with the lines that hold NUL rejected, as the database would reject them."""
    # One look at all of them: the usual batch has no such line, and a single byte is found ten times faster.
    written = b"".join([line.properties for line in batch.instructions])
    if b"\\" not in written or _ESCAPE not in written:
        return batch
    refused = [line for line in batch.instructions if _NUL.search(line.properties)]
    return batch.with_rejected(refused, "refused_by_database", "unsupported Unicode escape sequence.")
