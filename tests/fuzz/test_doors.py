"""Any form is answered by every call that takes one, and never with a failure of the service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.usecases.services import Service
from shared.ground import Ground
from tests.contract.conftest import Caller
from tests.contract.liquid import BATCH, Liquid, liquid_client
from tests.fuzz.fuzzing import fuzzed, fuzzed_seldom, of_pieces
from tests.fuzz.test_csv import FILES, LISTS
from tests.fuzz.test_filters import PIECES as FILTERS
from tests.fuzz.test_forms import NAMES
from tests.fuzz.test_forms import PIECES as PARAMETERS
from tests.fuzz.test_lines import LINES
from tests.fuzz.test_sql import QUERIES

PATHS = [
    *(f"/ls/api/oauth2/{call}" for call in ("token", "setCommunity", "setProperties")),
    *(f"{BATCH}/{call}" for call in ("export", "import", "status", "cancel", "rejections")),
    "/ls/api/items/updates",
]
OAUTH = """
    grant_type username password client_id client_secret refresh_token scope community
    processedAfter lastId max
"""
WORDS = """
    refresh_token client_credentials community= deviceId= hardwareName=joe's contacts SELECT * FROM
    253402300799000 -1 99999999999999999999
"""
BLANKS = [" ", "\0", "\r\n", "\u202e", "\ud7ff", "\uffff", "%00", "%ed%a0%80", "é"]
VALUES = of_pieces([*FILTERS.split(), *PARAMETERS.split(), *WORDS.split(), *BLANKS], most=4)
# What gets a call as far as it can.
USUAL = {"jobName": "a", "itemType": "contacts", "contentType": "text/csv", "rowHeader": "true"}
READINGS = ["template", "headerRow", "merge", "separator", "jobName"]
TYPES = st.sampled_from(["text/csv", "text/csv; charset=utf-16", "text/csv;charset=hz", "application/json"])
# No client can send half of a pair.
SQL = QUERIES.map(lambda sql: sql.encode(errors="replace").decode())
ORDERS = ["filters", "sqlQuery", "template", "rowHeader", "jobName"]


@pytest.fixture
def liquid(call: Caller, ground: Ground, service: Service) -> Liquid:
    return liquid_client(call.client, ground, service)


@fuzzed
@given(
    path=st.sampled_from(PATHS),
    fields=st.dictionaries(st.sampled_from([*NAMES.split(), *OAUTH.split()]), VALUES, max_size=4),
    is_json=st.booleans(),
)
def test_any_form_is_answered(liquid: Liquid, path: str, fields: dict[str, str], is_json: bool) -> None:
    form = USUAL | fields

    response = liquid(path, **({"json": form} if is_json else {"data": form}))

    assert response.status_code < 500, response.text


@fuzzed_seldom
@given(st.dictionaries(st.sampled_from(ORDERS), VALUES | SQL, max_size=3))
def test_any_export_that_is_accepted_ends(liquid: Liquid, fields: dict[str, str]) -> None:
    job = liquid.export(**(USUAL | fields))

    assert job["status"] == "Rejected" or liquid.work_off(job)["status"] in ("Completed", "Rejected")


@fuzzed_seldom
@given(FILES | LISTS | LINES, st.dictionaries(st.sampled_from(READINGS), VALUES, max_size=3), TYPES)
def test_any_file_that_is_accepted_ends(
    liquid: Liquid, content: bytes, fields: dict[str, str], content_type: str
) -> None:
    job = liquid.upload(content, **(fields | {"contentType": content_type}))

    assert job["status"] == "Rejected" or liquid.work_off(job)["status"] in ("Completed", "Rejected")
