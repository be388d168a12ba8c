"""A Celery task that merges one ORM object a line: 1,000 lines a task, committed at its end; one worker."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from celery import Celery, group
from sqlalchemy import JSON, create_engine, func, make_url, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tests.benchmarks.peer.serving import serving
from tests.benchmarks.peer.timing import LAST_VISITS, documents_in, given_task, tell

LINES_A_TASK = 1000
REDIS, DATABASE = "PEER_REDIS", "PEER_DATABASE"
NAME = "tests.benchmarks.peer.celery_merge"

app = Celery("peer", broker=os.environ.get(REDIS), backend=os.environ.get(REDIS))


class Base(DeclarativeBase):
    pass


class Contact(Base):
    __tablename__ = "contacts"
    documentid: Mapped[str] = mapped_column(primary_key=True)
    visits: Mapped[int]
    properties: Mapped[dict[str, object]] = mapped_column(JSON)


@app.task(name="merge_all")
def merge_all(documents: list[dict[str, object]]) -> None:
    with Session(_engine(os.environ[DATABASE])) as session:
        for document in documents:
            merged = {name: document[name] for name in ("documentid", "visits")}
            session.merge(Contact(**merged, properties=document))
        session.commit()


def main() -> None:
    task = given_task()
    redis = f"redis+socket://{urlsplit(task.redis_url).path}?virtual_host=5"
    app.conf.update(broker_url=redis, result_backend=redis)
    engine = _engine(task.database_url)
    Base.metadata.create_all(engine)

    def write(file: Path) -> None:
        tasks = [merge_all.s(documents) for documents in documents_in(file, LINES_A_TASK)]
        group(tasks).apply_async().get(timeout=600)

    def changed_documents() -> int:
        query = select(func.count()).where(Contact.visits == LAST_VISITS)
        with Session(engine) as session:
            return session.scalars(query).one()

    with _worker(task.folder, redis, task.database_url):
        tell(task, write, changed_documents)


@contextmanager
def _worker(folder: Path, redis: str, database: str) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", NAME, "worker", "--concurrency", "1"]
    path = str(Path(__file__).parents[3])
    with serving(command, folder, PYTHONPATH=path, **{REDIS: redis, DATABASE: database}):
        merge_all.delay([]).get(timeout=60)
        yield


def _engine(url: str):
    return create_engine(make_url(url).set(drivername="postgresql+psycopg2"))


if __name__ == "__main__":
    main()
