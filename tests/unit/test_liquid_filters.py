"""The parameter `filters` in every spelling that clients are known to use, and in hostile ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.liquid.filters import LONGEST, filters_of
from api.usecases.jobs import JobRefused

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALARS = (
    TEXTS | st.integers(-(2**53), 2**53) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = SCALARS | st.lists(SCALARS, min_size=1, max_size=4)


@pytest.mark.parametrize("text", [None, "", "  ", "0", "None", "null", "{}", "[]", "()", "False", "''", '""'])
def test_nothing_is_filtered(text: str | None):
    assert filters_of(text) is None


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ('{"a": "b"}', {"a": ["b"]}),
        ("{'a': 'b'}", {"a": ["b"]}),
        ("{u'a': u'b'}", {"a": ["b"]}),
        ("{'a': \"it's\"}", {"a": ["it's"]}),
        (r"{'a': 'it\'s \"so\" \\ \n \xe9 \u20ac'}", {"a": ['it\'s "so" \\ \n é €']}),
        ("{'a': ['b', 'c'], 'd': ('e',)}", {"a": ["b", "c"], "d": ["e"]}),
        (
            "{'a': 1, 'b': 2.5, 'c': True, 'd': -1, 'e': 12L}",
            {"a": ["1"], "b": ["2.5"], "c": ["true"], "d": ["-1"], "e": ["12"]},
        ),
        ("{'a': '0',}", {"a": ["0"]}),
        ('{"a": 18446744073709551617}', {"a": ["18446744073709551617"]}),
        ("{'a': -18446744073709551617L}", {"a": ["-18446744073709551617"]}),
        (
            '{"a": [1.50, 0.10000000000000000000001, 1e5]}',
            {"a": ["1.50", "0.10000000000000000000001", "1e5"]},
        ),
        ("{'a': '{[('}", {"a": ["{[("]}),
        (
            '{ "userId":"joe@example.com",\n"processStatus":"/Workflow/processStatus[Editing]"}',
            {"userId": ["joe@example.com"], "processStatus": ["/Workflow/processStatus[Editing]"]},
        ),
    ],
)
def test_each_field_has_its_values_as_text(text: str, filters: dict[str, list[str]]):
    assert filters_of(text) == filters


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_what_python_prints_is_understood(values: dict[str, object]):
    found = filters_of(str(values))

    assert found is not None
    assert list(found) == list(values)
    for name, value in values.items():
        if isinstance(value, str):
            assert found[name] == [value]


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "[1]",
        "'a'",
        "{'a'}",
        "{'a': }",
        "{'a': None}",
        "{'a': []}",
        "{'a': {'b': 1}}",
        "{'a': [['b']]}",
        "{'a': 'b'",
        "{'a': 'b'}}",
        "{'a' 'b'}",
        "{1: 2}",
        "{'a': b'c'}",
        "{'a': f'{1}'}",
        "{'a': __import__('os').system('true')}",
        "{'a': 1+1}",
        "{'a': 1j}",
        r"{'a': '\N{BELL}' * 9}",
        r"{'a': '\x'}",
        "{'a': nan}",
        "{" * 30_000,
        '{"a":' + "[" * 1000 + "]" * 1000 + "}",
        '{"a": ' + "1" * 5000 + "}",
        "-" * 60_000 + "1",
        "(" * 60_000,
        "'" * 60_001,
        "x" * (LONGEST + 1),
        "{'a': [" + "1," * 1001 + "]}",
        "{'a': '\ud800'}",
        "{'a': '\\ud800'}",
        r'{"a": "\u0000"}',
        r"{'a': ['b', '\x00']}",
        r"{'a\x00': 'b'}",
    ],
)
def test_what_cannot_be_used_is_refused(text: str):
    with pytest.raises(JobRefused, match="filter"):
        filters_of(text)
