"""Item types as the relations that a client's SQL may read."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import Collection, DataService
from shared.db.queries.relations import Field, ItemRelation
from shared.formats.items import CATEGORIES


def relations_of(session: Session, service_id: int) -> dict[str, ItemRelation]:
    """Every item type of the data service, as `<community>_<category>_<itemType>` and as `<itemType>`.

    The category in a name may be any, and its items are of that one then.
    """
    community = session.get_one(DataService, service_id).name
    relations: dict[str, ItemRelation] = {}
    for row in session.scalars(select(Collection).where(Collection.service_id == service_id)):
        item_type = row.path.removeprefix("/")
        name = item_type.replace("/", "_")
        relations[name] = _relation(row, item_type, community, row.category)
        for category in CATEGORIES:
            relations[f"{community}_{category}_{name}"] = _relation(row, item_type, community, category)
    return relations


def _relation(row: Collection, item_type: str, community: str, category: str) -> ItemRelation:
    fields = [Field(field["name"], field["type"]) for field in row.fields or ()]
    headers = {"type": item_type, "category": category, "community": community}
    return ItemRelation(row.id, fields, row.key or "documentid", headers)
