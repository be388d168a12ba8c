"""Item types as the relations that a client's SQL may read."""

from sqlalchemy.orm import Session

from shared.db import collections
from shared.db.models import Collection, DataService
from shared.db.queries.relations import Field, ItemRelation
from shared.formats.items import CATEGORIES


def relations_of(session: Session, service_id: int) -> list[tuple[str, ItemRelation]]:
    """Every item type of the data service, as `<community>_<category>_<itemType>` and as `<itemType>`.

    The category in a name may be any, and its items are of that one then. By path; two of one name
    are both there.
    """
    community = session.get_one(DataService, service_id).name
    relations: list[tuple[str, ItemRelation]] = []
    for row in collections.in_order(session, service_id):
        item_type = row.path.removeprefix("/")
        relations.append((item_type, _relation(row, item_type, community, row.category)))
        for category in CATEGORIES:
            name = f"{community}_{category}_{item_type}"
            relations.append((name, _relation(row, item_type, community, category)))
    return relations


def _relation(row: Collection, item_type: str, community: str, category: str) -> ItemRelation:
    fields = [Field(field["name"], field["type"]) for field in row.fields or ()]
    headers = {"type": item_type, "category": category, "community": community}
    return ItemRelation(row.id, fields, row.key or "documentid", headers)
