"""Which paths are collections, which are documents, and which are neither."""

import pytest
from flask import Flask
from werkzeug.exceptions import NotFound

from api.datastore import routing


@pytest.fixture
def app() -> Flask:
    made = Flask("paths")
    routing.install(made)
    made.add_url_rule("/<collection:collection>", "collection")
    made.add_url_rule("/<collection:collection>/<documentid>", "document")
    made.add_url_rule("/health/live", "live")
    return made


@pytest.mark.parametrize(
    ("path", "endpoint", "given"),
    [
        ("/films", "collection", {"collection": "films"}),
        ("/films/42", "document", {"collection": "films", "documentid": "42"}),
        ("/films/42/reviews", "collection", {"collection": "films/42/reviews"}),
        ("/films/42/reviews/7", "document", {"collection": "films/42/reviews", "documentid": "7"}),
        ("/healthy", "collection", {"collection": "healthy"}),
        ("/films/docs", "document", {"collection": "films", "documentid": "docs"}),
        ("/health/live", "live", {}),
    ],
)
def test_segments_tell_collections_from_documents(
    app: Flask, path: str, endpoint: str, given: dict[str, str]
) -> None:
    assert app.url_map.bind("localhost").match(path) == (endpoint, given)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/films/",
        "/films//reviews",
        "/health",
        "/health/else",
        "/docs",
        "/docs/1",
        "/__resources/x",
    ],
)
def test_other_paths_lead_nowhere(app: Flask, path: str) -> None:
    with pytest.raises(NotFound):
        app.url_map.bind("localhost").match(path)
