"""Pages of documents: `page[size]`, `page[after]`, `page[before]`, and the links from one page to the next.

The token of a place is the id of the document beside it, so a page costs the same however far in it is.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from api.datastore.fields import Positive
from api.datastore.schemas import Strict
from api.usecases.documents import DocumentPage
from shared.instructions import is_usable_documentid

DEFAULT_SIZE = 100
MAX_SIZE = 1000


@dataclass(frozen=True, kw_only=True)
class PageAsked:
    """Which documents a client wants to see."""

    size: int = DEFAULT_SIZE
    version: int | None = None  # of the paging scheme, repeated in the links
    after: str | None = None
    before: str | None = None

    def link(self, path: str, side: str, edge: str | None) -> str:
        """Path and query of the page at one side (`after` or `before`) of the document `edge`."""
        version = f"&page[v]={self.version}" if self.version else ""
        return f"{quote(path)}?page[size]={self.size}{version}&page[{side}]={quote(edge or '', safe='')}"


def links(asked: PageAsked, path: str, page: DocumentPage) -> dict[str, str | None]:
    """Links to the neighbours of `page`; null where there is none."""
    return {
        "prev": asked.link(path, "before", page.first_id) if page.has_previous else None,
        "next": asked.link(path, "after", page.last_id) if page.has_next else None,
    }


def _usable(token: str) -> None:
    if not is_usable_documentid(token):
        raise ValidationError("Not a token that a link of ours carries.")


def _edge(side: str) -> fields.Field[Any]:
    return fields.String(
        data_key=f"page[{side}]",
        validate=_usable,
        metadata={
            "description": f"A token from a link: show what comes {side} it.",
            "pattern": r"^[^/\x00-\x1f\x7f-\x9f]{1,255}$",
        },
    )


class PageAskedSchema(Strict):
    """Which page of documents to show."""

    size = Positive(
        data_key="page[size]",
        load_default=DEFAULT_SIZE,
        validate=validate.Range(min=1, max=MAX_SIZE),
        metadata={"description": "Documents a page."},
    )
    version = Positive(
        data_key="page[v]",
        validate=validate.OneOf([1, 2]),
        metadata={"description": "Version of the paging scheme; both are the same here."},
    )
    after = _edge("after")
    before = _edge("before")

    @validates_schema
    def one_side_only(self, given: dict[str, Any], **_: object) -> None:
        if "after" in given and "before" in given:
            raise ValidationError("Cannot be combined with page[after].", "page[before]")

    @post_load
    def as_asked(self, given: dict[str, Any], **_: object) -> PageAsked:
        return PageAsked(**given)
