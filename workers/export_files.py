"""The files of an export as they are written: a new one past a configured size."""

import zlib
from contextlib import ExitStack
from typing import Self

from shared.db.models import ExportFile
from shared.formats.portions import Portion
from shared.formats.rendering import Renderer
from shared.storage.contract import BlockStorage, StorageWriter

_BUFFER_BYTES = 1 << 18
_GZIP = 16 + zlib.MAX_WBITS


class ExportFiles:
    """Takes documents and writes files. Used as a context, it leaves nothing where its body raises."""

    def __init__(
        self,
        storage: BlockStorage,
        group: str,
        renderer: Renderer,
        *,
        name: str,
        file_bytes: int,
        is_compressed: bool,
    ) -> None:
        """Files are called after `name`. One ends with the record that reaches `file_bytes`, uncompressed."""
        self._storage = storage
        self._group = group
        self._renderer = renderer
        self._name = name
        self._file_bytes = file_bytes
        self._is_compressed = is_compressed
        self._open = ExitStack()
        self._file: _File | None = None
        self._written: list[StorageWriter] = []
        self.records = 0

    @property
    def size_bytes(self) -> int:
        """What is in block storage by now, all files together."""
        being_written = self._file.writer.size_bytes if self._file is not None else 0
        return being_written + sum(writer.size_bytes for writer in self._written)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: object) -> None:
        if kind is not None:
            self._open.__exit__(kind, raised, None)
            self._storage.remove_group(self._group)
        elif self._file is not None or not self._written:
            self._end()

    def add(self, portion: Portion) -> None:
        """Write some documents."""
        text = self._renderer.text(portion)
        size_bytes = self._begun().size_bytes + len(self._renderer.separator) + len(text)
        if size_bytes < self._file_bytes or len(portion) == 1:
            self._write(text, len(portion))
        else:
            for single in portion.each():
                self._write(self._renderer.text(single), 1)

    def _write(self, text: bytes, records: int) -> None:
        self._begun().write(text)
        self.records += records
        if self._begun().size_bytes >= self._file_bytes:
            self._end()

    def rows(self, export_id: int) -> list[ExportFile]:
        """What was written, once it is."""
        return [
            ExportFile(
                export_id=export_id,
                number=number,
                name=self._file_name(number),
                media_type="application/gzip" if self._is_compressed else self._renderer.media_type,
                size_bytes=writer.size_bytes,
                storage_key=writer.key,
            )
            for number, writer in enumerate(self._written, 1)
        ]

    def _begun(self) -> "_File":
        if self._file is None:
            self._open = ExitStack()
            writer = self._open.enter_context(self._storage.create(self._group))
            self._file = _File(writer, self._renderer, is_compressed=self._is_compressed)
        return self._file

    def _end(self) -> None:
        file = self._begun()
        file.end()
        self._open.close()
        self._written.append(file.writer)
        self._file = None

    def _file_name(self, number: int) -> str:
        part = "" if len(self._written) == 1 else f"-{number}"
        return f"{self._name}{part}.{self._renderer.extension}{'.gz' if self._is_compressed else ''}"


class _File:
    """One file that is being written."""

    def __init__(self, writer: StorageWriter, renderer: Renderer, *, is_compressed: bool) -> None:
        self.writer = writer
        self._renderer = renderer
        self._compressor = zlib.compressobj(wbits=_GZIP) if is_compressed else None
        self._held = [renderer.begin]
        self._held_bytes = 0
        self._has_records = False
        self.size_bytes = len(renderer.begin)  # not compressed

    def write(self, text: bytes) -> None:
        if self._has_records:
            self._put(self._renderer.separator)
        self._put(text)
        self._has_records = True

    def end(self) -> None:
        """Write what is still held."""
        self._put(self._renderer.end)
        self._flush()
        if self._compressor is not None:
            self.writer.write(self._compressor.flush())

    def _put(self, text: bytes) -> None:
        self.size_bytes += len(text)
        if len(text) >= _BUFFER_BYTES:
            # Not joined to anything: it may have megabytes.
            self._flush()
            self._store(text)
            return
        self._held.append(text)
        self._held_bytes += len(text)
        if self._held_bytes >= _BUFFER_BYTES:
            self._flush()

    def _flush(self) -> None:
        text = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        self._store(text)

    def _store(self, text: bytes) -> None:
        self.writer.write(text if self._compressor is None else self._compressor.compress(text))
