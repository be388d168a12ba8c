"""What an administrator prepares before a test begins, done in this process.

The command line does the same, as its own tests show, but takes a second for each command.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from api.usecases import accounts, collections
from api.usecases.collections import ItemField
from api.usecases.services import Service
from shared.ground import Ground

INSERT = """
INSERT INTO documents (collection_id, documentid, properties)
SELECT :collection_id, lpad(n::text, 8, '0'),
       jsonb_build_object('accountId', lpad(n::text, 8, '0'), 'n', n, 'name', 'Account ' || n)
  FROM generate_series(1, :count) n
"""


@dataclass(frozen=True)
class Administration:
    """Of one data service of the stack."""

    ground: Ground
    service: Service

    def add_collection(self, path: str) -> None:
        collections.add_collection(self.ground, self.service, path)

    def add_item_type(
        self,
        name: str,
        *,
        key: str = "accountId",
        schema: Mapping[str, str] | None = None,
        category: str = "entity",
    ) -> str:
        """A new item type; `schema` is the type of each field."""
        fields = None if schema is None else [ItemField(*field) for field in schema.items()]
        collections.add_collection(
            self.ground, self.service, f"/{name}", key=key, fields=fields, category=category
        )
        return name

    def load(self, item_type: str, count: int) -> None:
        """Put so many documents of some 60 bytes into an item type, which are not what the test is about."""
        collection_id = collections.find_collection(self.ground, self.service, f"/{item_type}")
        with self.ground.database.begin() as session:
            session.execute(text(INSERT), {"collection_id": collection_id, "count": count})

    def add_user(self, email: str, password: str) -> None:
        accounts.add_user(self.ground, email, password, [self.service.name])

    def add_client(self, client_id: str, secret: str) -> None:
        accounts.add_client(self.ground, client_id, secret, [])
