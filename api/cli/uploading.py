"""Uploads blocks several at once and still in order.

The API numbers a block when its last byte has arrived, so the order of a file is kept by holding back the
end of each body until the block before it is acknowledged. Everything else of it is on its way meanwhile.
The same makes a repeated upload safe: as later blocks cannot have been accepted, the number of blocks tells
whether one whose answer was lost has arrived.
"""

import base64
import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar

from api.cli.client import RETRY_SECONDS, ApiClient, ApiUnreachable
from api.cli.cutting import Cut
from shared.errors import LongshoreError

_PIECE_BYTES = 64 * 1024
_TRICKLE_BYTES = 256
_TRICKLE_SECONDS = 5.0  # well below the silence after which a server or proxy hangs up

OnSent = Callable[[int], None]


class OrderLost(LongshoreError):
    """The API holds other blocks than were sent, or in another order."""

    code: ClassVar[str] = "order_lost"


class Uploader:
    """Sends the blocks of one import that nobody else adds blocks to."""

    def __init__(self, client: ApiClient, import_id: int, *, parallel: int, on_sent: OnSent) -> None:
        """At most `parallel` blocks are in memory and on their way; `on_sent` is told how many bytes more
        have been sent, or fewer when some must be sent again. It is called from several threads."""
        self._client = client
        self._import_id = import_id
        self._parallel = parallel
        self._on_sent = on_sent
        self._is_abandoned = False

    def send(self, blocks: Iterable[Cut]) -> int:
        """Send all; returns how many blocks. Raises ApiRefused, ApiUnreachable, OrderLost."""
        waiting: deque[Future[None]] = deque()
        block_number = 0
        with ThreadPoolExecutor(self._parallel) as threads:
            try:
                previous = None
                for block_number, block in enumerate(blocks, 1):
                    previous = threads.submit(self._upload, block_number, block.body, previous)
                    waiting.append(previous)
                    if len(waiting) == self._parallel:
                        waiting.popleft().result()
                for job in waiting:
                    job.result()
            except BaseException:
                self._is_abandoned = True
                raise
        return block_number

    def _upload(self, number: int, body: bytes, previous: Future[None] | None) -> None:
        for delay in (*RETRY_SECONDS, None):
            try:
                self._upload_once(number, body, previous)
            except ApiUnreachable as error:
                if delay is None or self._is_abandoned:
                    raise
                self._client.wait(max(delay, error.retry_seconds))
                if self._has_arrived(number, previous):
                    return
            else:
                return

    def _upload_once(self, number: int, body: bytes, previous: Future[None] | None) -> None:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers = {"Content-Length": str(len(body)), "Content-Digest": f"sha-256=:{digest}:"}
        sent = _Counter(self._on_sent)
        try:
            stored_as = self._client.add_block(self._import_id, self._pieces(body, previous, sent), headers)
        except ApiUnreachable:
            sent.take_back()
            raise
        if stored_as != number:
            raise OrderLost(
                f"Block {number} was stored as block {stored_as}: something else adds blocks to import"
                f" {self._import_id}, or a repeated one arrived twice."
            )

    def _has_arrived(self, number: int, previous: Future[None] | None) -> bool:
        if previous is not None:
            previous.result()
        has_arrived: bool = self._client.get_import(self._import_id)["blockCount"] >= number
        return has_arrived

    def _pieces(self, body: bytes, previous: Future[None] | None, sent: "_Counter") -> Iterator[bytes]:
        """The body; its end only after the previous block is acknowledged. Raises what that one raised."""
        held_from = max(0, len(body) - _PIECE_BYTES)
        for start in range(0, held_from, _PIECE_BYTES):
            yield self._note(body[start : min(start + _PIECE_BYTES, held_from)], sent)
        while previous is not None and held_from < len(body) - _TRICKLE_BYTES and not _is_done(previous):
            # A drop now and then, so that nobody on the way takes us for dead.
            yield self._note(body[held_from : held_from + _TRICKLE_BYTES], sent)
            held_from += _TRICKLE_BYTES
        if previous is not None:
            previous.result()
        yield self._note(body[held_from:], sent)

    def _note(self, piece: bytes, sent: "_Counter") -> bytes:
        if self._is_abandoned:
            raise ApiUnreachable("The upload was abandoned.")
        return sent.note(piece)


class _Counter:
    """Bytes of one attempt."""

    def __init__(self, on_sent: OnSent) -> None:
        self._on_sent = on_sent
        self._bytes = 0

    def note(self, piece: bytes) -> bytes:
        self._bytes += len(piece)
        self._on_sent(len(piece))
        return piece

    def take_back(self) -> None:
        self._on_sent(-self._bytes)


def _is_done(job: Future[None]) -> bool:
    return bool(futures.wait([job], timeout=_TRICKLE_SECONDS).done)
