"""NDJSON as the Datastore API takes it: each line is a document's properties, `documentid` among them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat

from shared.formats.batching import MakeDocumentid, Outcome, Read
from shared.formats.json_lines import (
    BLANK,
    BYTE_ORDER_MARK,
    NUL_CHARACTER,
    UNUSABLE_DOCUMENTID,
    Refusal,
    cut_out,
    holds_nul,
    parse_object,
    rejection,
)
from shared.formats.usual_lines import parser, read_all_usual, read_usual
from shared.instructions import (
    CREATING,
    Checkpoint,
    Instruction,
    Operation,
    is_usable_documentid,
)

_ABSENT = object()


class NdjsonReader:
    """Reads lines for one operation."""

    def __init__(self, operation: Operation, make_documentid: MakeDocumentid) -> None:
        """`make_documentid` names the documents of lines that do not, where they can be created."""
        self._operation = operation
        self._parse = parser()
        self._make_documentid = make_documentid if operation in CREATING else _no_documentid

    def read(self, groups: Iterable[Sequence[bytes]], start: Checkpoint) -> Iterator[Read]:
        """What each line of a block asks for, from `start` on. Lines keep their line ends."""
        offset, number = start
        for lines in groups:
            lengths = list(map(len, lines))
            yield from zip(self._outcomes(lines, lengths, number, offset), lengths, repeat(1))
            number += len(lines)
            offset += sum(lengths)

    def _outcomes(
        self, lines: Sequence[bytes], lengths: list[int], number: int, offset: int
    ) -> Iterator[Outcome]:
        numbers, offsets = range(number + 1, number + 1 + len(lines)), accumulate(lengths, initial=offset)
        usual = read_all_usual(lines, self._parse)
        if usual is None:
            return map(self.read_line, lines, numbers, offsets)
        documentids, properties = usual
        named = documentids or map(self._make_documentid, numbers)
        return map(Instruction, numbers, offsets, lengths, repeat(self._operation), named, properties)

    def read_line(self, line: bytes, number: int, offset: int) -> Outcome:
        """What one line asks for."""
        usual = read_usual(line, self._parse)
        if usual is None:
            return self._read_any(line, number, offset)
        documentid, properties = usual
        if documentid is None:
            documentid = self._make_documentid(number)
        elif not is_usable_documentid(documentid):
            return rejection(line, number, offset, UNUSABLE_DOCUMENTID)
        return Instruction(number, offset, len(line), self._operation, documentid, properties)

    def _read_any(self, line: bytes, number: int, offset: int) -> Outcome:
        text = line.removeprefix(BYTE_ORDER_MARK) if not offset else line
        properties = parse_object(text)
        if isinstance(properties, Refusal):
            return rejection(line, number, offset, properties) if text.strip(BLANK) else None
        given = properties.get("documentid", _ABSENT)
        if holds_nul(text, properties):
            return rejection(line, number, offset, NUL_CHARACTER, given)
        if given is _ABSENT:
            documentid = self._make_documentid(number)
            return Instruction(number, offset, len(line), self._operation, documentid, text.strip(BLANK))
        as_written, rest = cut_out(text, "documentid")
        if type(given) is int or type(given) is float:
            given = as_written.decode()
        if type(given) is not str or not is_usable_documentid(given):
            return rejection(line, number, offset, UNUSABLE_DOCUMENTID)
        return Instruction(number, offset, len(line), self._operation, given, rest)


def _no_documentid(_: int) -> None:
    return None
