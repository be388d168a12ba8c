"""JSON objects as somebody may write them: blanks, escapes and doubled names wherever they may be."""

import json

from hypothesis import strategies as st

# Each means something to whoever looks for the end of a text, of a property or of a line.
_MEANING = ['"', '",', "\\", ",", ":", "{", "}", "\n", "\0", "é", "\U0001f600", '"documentid":"1"']
_PLAIN = st.sampled_from(["", "1", "a b", "x"])
_TEXTS = _PLAIN | _PLAIN | _PLAIN | st.lists(st.sampled_from(_MEANING), max_size=3).map("".join)
_BLANKS = st.sampled_from([*[""] * 8, " ", "\t \r"])
_OTHERS = st.sampled_from(["0", "-1.5e3", "true", "null", "[]", '{"documentid":"2"}', "[1 , {}]"])


def objects(*names: str) -> st.SearchStrategy[bytes]:
    """Objects of up to four properties with these names; the first one is often a `documentid`."""
    head = st.tuples(st.just('"documentid":'), _TEXTS.map(_quoted), _BLANKS).map("".join)
    member = st.tuples(
        _BLANKS,
        st.sampled_from(names).flatmap(_spelled),
        _BLANKS.map("{}:".format),
        _BLANKS,
        _TEXTS.map(_quoted) | _OTHERS,
        _BLANKS,
    ).map("".join)
    return st.tuples(head | member, st.lists(member, max_size=3)).map(_object)


def _object(members: tuple[str, list[str]]) -> bytes:
    first, others = members
    return f"{{{','.join([first, *others])}}}".encode()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _spelled(text: str) -> st.SearchStrategy[str]:
    """As it is, or with its first character as an escape that it does not need."""
    return st.sampled_from([*[_quoted(text)] * 8, f'"\\u{ord(text[0]):04x}{_quoted(text[1:])[1:]}'])
