"""Who runs clients' queries, as it follows from the settings."""

import pytest
from sqlalchemy import make_url

from shared.db.queries.reader import reader_of


def test_a_reader_that_is_named_is_taken_as_it_is():
    reader = reader_of("postgresql://owner:secret@db/shore", "postgresql://someone:word@replica/shore")

    assert (reader.role, reader.password) == ("someone", "word")
    assert reader.url == "postgresql://someone:word@replica/shore"


def test_without_one_each_database_has_its_own_on_the_same_server():
    reader = reader_of("postgresql://owner:secret@db:5433/shore?sslmode=require")

    url = make_url(reader.url)
    assert (url.username, url.host, url.port, url.database) == ("longshore_reader_shore", "db", 5433, "shore")
    assert url.query == {"sslmode": "require"}
    assert url.password == reader.password != "secret"


def test_the_password_follows_from_the_owners_and_from_the_database():
    def password(url: str) -> str | None:
        return reader_of(url).password

    assert password("postgresql://owner:secret@db/a") == password("postgresql://owner:secret@elsewhere/a")
    assert password("postgresql://owner:secret@db/a") != password("postgresql://owner:other@db/a")
    assert password("postgresql://owner:secret@db/a") != password("postgresql://owner:secret@db/b")


@pytest.mark.parametrize(
    "url", ["postgresql://owner@/shore?host=/run/postgresql", "postgresql://owner@db/shore"]
)
def test_an_owner_without_password_has_a_reader_without_password(url: str):
    assert reader_of(url).password is None


def test_neither_password_nor_url_is_shown():
    assert "secret" not in repr(reader_of("postgresql://owner:secret@db/shore", "postgresql://a:secret@db/b"))
