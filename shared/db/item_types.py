"""Item types as the relations that a client's SQL may read."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import Collection, DataService
from shared.db.queries.relations import Field, ItemRelation

CATEGORIES = ("entity", "work")


def relations_of(session: Session, service_id: int) -> dict[str, ItemRelation]:
    """Every item type of the data service, as `<community>_<category>_<itemType>` and as `<itemType>`."""
    community = session.get_one(DataService, service_id).name
    relations: dict[str, ItemRelation] = {}
    for row in session.scalars(select(Collection).where(Collection.service_id == service_id)):
        item_type = row.path.removeprefix("/").replace("/", "_")
        fields = [Field(field["name"], field["type"]) for field in row.fields or ()]
        relation = ItemRelation(row.id, fields, row.key or "documentid")
        for name in (item_type, *(f"{community}_{category}_{item_type}" for category in CATEGORIES)):
            relations[name] = relation
    return relations
