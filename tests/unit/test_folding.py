"""Lines of one batch that name the same document become one row."""

from shared.folding import fold, merge
from shared.instructions import Instruction, Operation

CREATE, UPDATE, MERGE, REPLACE = Operation.CREATE, Operation.UPDATE, Operation.MERGE, Operation.REPLACE


def lines(*given: tuple[str | None, bytes]) -> list[Instruction]:
    return [Instruction(number, 0, 0, MERGE, *line) for number, line in enumerate(given, start=1)]


TWICE = lines(("b", b'{"x":1,"y":1}'), ("a", b"{}"), ("b", b'{"y":2}'), ("b", b'{"z":3}'))


def test_rows_are_sorted_by_id():
    assert fold(lines(("b", b"{}"), ("é", b"{}"), ("a", b"{}")), MERGE).rows == [
        ("a", b"{}"),
        ("b", b"{}"),
        ("é", b"{}"),
    ]


def test_later_properties_win_where_updating_is_allowed():
    for operation in (MERGE, UPDATE):
        folded = fold(TWICE, operation)

        assert folded.rows == [("a", b"{}"), ("b", b'{"x":1,"y":2,"z":3}')]
        assert folded.repeated == ["b", "b"]


def test_the_first_line_wins_where_only_creating_is_allowed():
    folded = fold(TWICE, CREATE)

    assert folded.rows == [("a", b"{}"), ("b", b'{"x":1,"y":1}')]
    assert folded.repeated == ["b", "b"]


def test_the_last_line_wins_where_documents_are_replaced():
    folded = fold(TWICE, REPLACE)

    assert folded.rows == [("a", b"{}"), ("b", b'{"z":3}')]
    assert folded.repeated == ["b", "b"]


def test_lines_that_name_no_document_are_left_out():
    assert fold(lines((None, b'{"x":1}'), (None, b"{}")), UPDATE) == ([], [])


def test_merging_keeps_every_value_as_it_came():
    assert merge(rb'{"a":1.10,"b":"\u00e9"}', b'{"c":{"d":1.0},"a":2.00}') == (
        rb'{"a":2.00,"b":"\u00e9","c":{"d":1.0}}'
    )
