"""Alembic's entry. `shared.db.migrate` hands it a connection; it opens none itself."""

from alembic import context

from shared.db.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=lambda obj, name, kind, *_: not (kind == "table" and name == "documents"),
)
with context.begin_transaction():
    context.execute(f"SET LOCAL lock_timeout = '{context.config.attributes['lock_timeout']}'")
    context.run_migrations()
