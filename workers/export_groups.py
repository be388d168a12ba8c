"""Where block storage keeps the files of exports: each attempt has a group of its own.

An attempt that lost its lease without knowing must not touch what its successor writes.
"""

import re

_GROUP = re.compile(r"export-([0-9]{1,18})-([0-9]{1,9})")


def group_of(export_id: int, epoch: int) -> str:
    """The group of one attempt."""
    return f"export-{export_id}-{epoch}"


def attempt_of(group: str) -> tuple[int, int] | None:
    """The export and the epoch of the attempt whose group it is; None where it is none's."""
    found = _GROUP.fullmatch(group)
    return (int(found[1]), int(found[2])) if found else None


def groups_between(export_id: int, first_epoch: int, last_epoch: int) -> list[str]:
    """The groups of the attempts of these epochs, both included, oldest first; none where there are none."""
    return [group_of(export_id, epoch) for epoch in range(first_epoch, last_epoch + 1)]
