"""An import from files: created, uploaded in blocks, started and followed to its end."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from api.cli import terminal
from api.cli.client import ApiClient, ApiRefused, Json
from api.cli.cutting import MIB, Cut, cut
from api.cli.progress import Activity, ProgressBars
from api.cli.uploading import Uploader
from api.cli.watching import watch
from shared.errors import LongshoreError

Pause = Callable[[float], None]
Region = Callable[[], AbstractContextManager[None]]


class Origin(NamedTuple):
    """Where a block comes from."""

    name: str
    first_line: int  # from 1


@dataclass
class Outcome:
    """What became of the import."""

    found: Json
    origins: list[Origin] = field(default_factory=list)
    rejections: list[Json] = field(default_factory=list)

    def place(self, block_number: int, line_number: int) -> str:
        """The line's place in the file it came from."""
        origin = self.origins[block_number - 1]
        return f"{origin.name}:{origin.first_line + line_number - 1}"


class FileImport:
    """One import from one or several files, which begin a new block each."""

    def __init__(
        self,
        client: ApiClient,
        *,
        parallel: int = 4,
        block_bytes: int = 8 * MIB,
        is_quiet: bool = False,
        at_once: Region = nullcontext,
    ) -> None:
        """`at_once` surrounds what may be left at any moment, such as waiting for the input."""
        self._client = client
        self._at_once = at_once
        self._parallel = parallel
        self._block_bytes = block_bytes
        self._is_quiet = is_quiet
        self._import_id: int | None = None
        self._is_started = False

    def run(self, files: Sequence[str], configuration: Json, pause: Pause | None) -> Outcome:
        """Import them as configured; with `pause`, which waits so many seconds, follow the import to its end.

        What was not started is deleted again. Raises ApiRefused, ApiUnreachable, OrderLost, LineTooLong,
        InputPacked.
        """
        import_id = self._import_id = self._create(configuration)
        origins: list[Origin] = []
        with ProgressBars(terminal.err(), is_quiet=self._is_quiet) as bars:
            self._upload(import_id, files, origins, bars)
            outcome = Outcome(self._client.start_import(import_id), origins)
            self._is_started = True
            with self._at_once():
                self._follow(outcome, bars, pause)
        return outcome

    def whereabouts(self) -> str:
        """For a person who interrupts: what happened to the import."""
        if not self._is_started:
            return "Interrupted. Nothing was imported."
        url = f"{self._client.url}/__resources/imports/{self._import_id}"
        return (
            f"Import {self._import_id} goes on in the service. To cancel it:\n"
            f"  curl -X PATCH -H 'Content-Type: application/json' -H \"Authorization: Bearer $TOKEN\""
            f' -d \'{{"status":"canceled"}}\' {url}'
        )

    def _follow(self, outcome: Outcome, bars: ProgressBars, pause: Pause | None) -> None:
        import_id = outcome.found["importid"]
        if pause is not None:
            outcome.found = watch(self._client, import_id, bars.begin("importing", 100), pause)
        if outcome.found["rejectedDocuments"]:
            outcome.rejections = self._client.rejections(import_id)

    def _create(self, configuration: Json) -> int:
        try:
            return int(self._client.create_import(configuration)["importid"])
        except ApiRefused as error:
            if "does not exist" not in str(error):
                raise
            hint = f"{terminal.command_name()} collections add {configuration['collection']}"
            raise ApiRefused(f"{error}\nTo add it: {hint}") from error

    def _upload(
        self, import_id: int, files: Sequence[str], origins: list[Origin], bars: ProgressBars
    ) -> None:
        shown = bars.begin("uploading", total_bytes(files))
        uploader = Uploader(self._client, import_id, parallel=self._parallel, on_sent=shown.advance)
        sizes: list[int] = []
        try:
            with self._at_once():
                blocks = uploader.send(_cut_all(files, self._block_bytes, origins, sizes, shown))
        except BaseException:
            # The reason for the failure is what the caller must see, not that deleting failed too.
            with suppress(LongshoreError):
                self._client.delete_import(import_id)
            raise
        shown.finish(f"{terminal.spell_bytes(sum(sizes))} in {blocks} block{'s' * (blocks != 1)}", sum(sizes))


def total_bytes(files: Sequence[str]) -> int | None:
    """The size of all files; None when one of them is a stream."""
    if any(name == "-" or not os.path.isfile(name) for name in files):
        return None
    return sum(os.path.getsize(name) for name in files)


def _cut_all(
    files: Sequence[str], block_bytes: int, origins: list[Origin], sizes: list[int], shown: Activity
) -> Iterator[Cut]:
    for name in files:
        line_number = 1
        with _open(name) as stream:
            for block in cut(stream, block_bytes):
                origins.append(Origin("standard input" if name == "-" else name, line_number))
                sizes.append(len(block.body))
                line_number += block.line_count
                yield block


def _open(name: str) -> BinaryIO:
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb") if name == "-" else open(name, "rb")
