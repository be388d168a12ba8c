"""The translator of what goes wrong between us and a bucket."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from shared.errors import StorageFault

# Where a machine on AWS is asked for its role.
_OF_THE_MACHINE = ("/latest/api/token", "/latest/meta-data")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")


@contextmanager
def bucket_faults(doing: str) -> Iterator[None]:
    """Raise what the body meets as StorageFault. Clients see the message: it has no address, and no key."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise StorageFault(
            f"Block storage could not {doing} the bytes: the bucket {_answer(error)}."
        ) from error


def _answer(error: Exception) -> str:
    """The code of S3's own answer, which tells an administrator what to look for, where there was one."""
    code = _CODE.search(str(error))
    if code is not None:
        return f"answers {code[1]}"
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return "refuses these credentials"
    if any(path in str(error) for path in _OF_THE_MACHINE):
        return "was not asked, as AWS_ACCESS_KEY_ID is not set and this machine has no role"
    return "does not answer"
