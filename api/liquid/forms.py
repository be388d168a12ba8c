"""The fields of a request, whichever way a client sends them: urlencoded, multipart or JSON.

Every value becomes text, since that is what most clients send anyway. Clients are known that announce
JSON and send a form.
"""

from collections.abc import Iterable
from urllib.parse import parse_qsl

import orjson
from flask import Request

from api.liquid.door import ParameterInvalid

FORM_LIMIT_BYTES = 1024 * 1024
JSON = "application/json"
# Of these a blank is a value: a tab between cells, an item whose id is a space.
SAYING_BLANKS = frozenset({"separator", "lastId"})

Fields = dict[str, str]


def fields_of(request: Request) -> Fields:
    """The request's fields by name; absent where empty.

    Raises ParameterInvalid, also where two values of one name differ, and RequestEntityTooLarge beyond
    FORM_LIMIT_BYTES.
    """
    request.max_content_length = FORM_LIMIT_BYTES
    request.max_form_memory_size = FORM_LIMIT_BYTES
    if request.mimetype != JSON:
        files = request.files.items(multi=True)
        texts = ((name, file.read().decode("utf-8", "replace")) for name, file in files)
        return usable([*request.form.items(multi=True), *texts])
    body = request.get_data()
    given = _object(body)
    if given is None:
        return usable(parse_qsl(body.decode("utf-8", "replace")))
    return usable((name, _text(name, value)) for name, value in given.items())


def usable(given: Iterable[tuple[str, str]]) -> Fields:
    """The value of each name that says anything; what has no name is passed over.

    NUL, which no database takes, becomes U+FFFD.
    Raises ParameterInvalid where two values of one name differ.
    """
    found: Fields = {}
    for name, value in given:
        if name and (value.strip() or (value and name in SAYING_BLANKS)):
            text = value.replace("\0", "\ufffd")
            if found.setdefault(name, text) != text:
                raise ParameterInvalid(f"The parameter {name[:60]!r} has two different values: send one.")
    return found


def _object(body: bytes) -> dict[str, object] | None:
    """The object that the body is, or None where it may be a form: no form is JSON."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body.lstrip().startswith((b"{", b"[")):
            return None
        raise ParameterInvalid(f"The body is not JSON: {error}.") from error
    if not isinstance(given, dict):
        raise ParameterInvalid("The body is JSON, but not an object of parameters.")
    return given


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # JSON's 7.0 is the whole number 7
    try:
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:  # its writer goes less deep than its reader
        raise ParameterInvalid(f"The parameter {name[:60]!r} is nested too deeply.") from error
