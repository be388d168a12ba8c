"""What the disk is told is advice, but not whether it has the bytes."""

import os
from contextlib import suppress

import pytest

from shared.storage.durable import begin_to_make_durable


def test_a_file_system_that_takes_no_advice_takes_the_bytes():
    """As a pipe does. Each file of more than 8 MiB was refused on one."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as out, os.fdopen(writing, "wb") as file:
        file.write(b"bytes")

        begin_to_make_durable(file, 0, 5)

        assert out.read(5) == b"bytes"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="There is no device that is always full.")
def test_a_disk_that_takes_no_bytes_is_told_of():
    file = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb")
    file.write(b"bytes")

    with pytest.raises(OSError, match="No space left"):
        begin_to_make_durable(file, 0, 5)

    with suppress(OSError):
        file.close()
