"""The files of an export as they are written: a new one past a configured size."""

import zlib
from contextlib import ExitStack
from typing import Self

from shared.db.models import ExportFile
from shared.formats.rendering import Renderer
from shared.storage.contract import BlockStorage, StorageWriter

_BUFFER_BYTES = 1 << 18
_GZIP = 16 + zlib.MAX_WBITS


class ExportFiles:
    """Takes documents and writes files. Used as a context, it leaves nothing where its body raises."""

    def __init__(
        self,
        storage: BlockStorage,
        export_id: int,
        renderer: Renderer,
        *,
        name: str,
        file_bytes: int,
        is_compressed: bool,
    ) -> None:
        """Files are called after `name`, and end with the record that reaches `file_bytes`."""
        self._storage = storage
        self._group = group_of(export_id)
        self._export_id = export_id
        self._renderer = renderer
        self._name = name
        self._file_bytes = file_bytes
        self._is_compressed = is_compressed
        self._open = ExitStack()
        self._writer: StorageWriter | None = None
        self._written: list[StorageWriter] = []
        self._is_first = True
        self.records = 0

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: object) -> None:
        if kind is None:
            self._end()
            return
        self._open.__exit__(kind, raised, None)
        self._storage.remove_group(self._group)

    def add(self, documentid: str | None, properties: bytes) -> None:
        """Write one document."""
        record = self._renderer.record(documentid, properties, is_first=self._is_first)
        self._is_first = False
        self._put(record)
        self.records += 1
        if self._size_bytes >= self._file_bytes:
            self._end()
            self._begin()

    def files(self) -> list[ExportFile]:
        """What was written, once it is."""
        return [
            ExportFile(
                export_id=self._export_id,
                number=number,
                name=self._file_name(number),
                media_type="application/gzip" if self._is_compressed else self._renderer.media_type,
                size_bytes=writer.size_bytes,
                storage_key=writer.receipt().key,
            )
            for number, writer in enumerate(self._written, 1)
        ]

    def _begin(self) -> None:
        self._open = ExitStack()
        self._writer = self._open.enter_context(self._storage.create(self._group))
        self._compressor = zlib.compressobj(wbits=_GZIP) if self._is_compressed else None
        self._buffer: list[bytes] = []
        self._buffered = self._size_bytes = 0
        self._is_first = True
        self._put(self._renderer.begin())

    def _end(self) -> None:
        self._put(self._renderer.end())
        self._flush()
        assert self._writer is not None  # noqa: S101 - begun
        if self._compressor is not None:
            self._writer.write(self._compressor.flush())
        self._open.close()
        self._written.append(self._writer)

    def _put(self, data: bytes) -> None:
        self._buffer.append(data)
        self._buffered += len(data)
        self._size_bytes += len(data)
        if self._buffered >= _BUFFER_BYTES:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._buffer)
        self._buffer, self._buffered = [], 0
        assert self._writer is not None  # noqa: S101 - begun
        self._writer.write(data if self._compressor is None else self._compressor.compress(data))

    def _file_name(self, number: int) -> str:
        part = "" if len(self._written) == 1 else f"-{number}"
        return f"{self._name}{part}.{self._renderer.extension}{'.gz' if self._is_compressed else ''}"


def group_of(export_id: int) -> str:
    """Where block storage keeps an export's files."""
    return f"export-{export_id}"
