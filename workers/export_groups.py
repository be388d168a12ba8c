"""Where block storage keeps the files of exports: each attempt has a group of its own.

An attempt that lost its lease without knowing must not touch what its successor writes.
"""

from shared.storage.contract import BlockStorage


def group_of(export_id: int, epoch: int) -> str:
    """The group of one attempt."""
    return f"export-{export_id}-{epoch}"


def remove_attempts(storage: BlockStorage, export_id: int, epoch: int) -> None:
    """Remove the files of all attempts up to the one of `epoch`. Raises StorageFault."""
    for number in range(1, epoch + 1):
        storage.remove_group(group_of(export_id, number))
