"""Where the mails of a stack come to: a folder, which is its default, or a mail catcher."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Protocol

import httpx


class Mails(Protocol):
    """A place for mails."""

    environment: dict[str, str]
    """What has a stack send its mails there."""

    def messages(self) -> list[EmailMessage]:
        """Those that have come so far."""


class FolderMails:
    """What a stack keeps in its own folder unless it is told otherwise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "mails"
        self.environment: dict[str, str] = {}

    def messages(self) -> list[EmailMessage]:
        return [_message(path.read_bytes()) for path in self._folder.glob("*.eml")]


class CaughtMails:
    """What Mailpit, or what speaks as it does, has caught since."""

    def __init__(self, smtp_url: str, api_url: str) -> None:
        self._api_url = api_url
        self.environment = {"SMTP_URL": smtp_url}
        with self._client() as client:
            self._before = frozenset(_ids(client))

    def messages(self) -> list[EmailMessage]:
        with self._client() as client:
            addresses = [f"/message/{found}/raw" for found in _ids(client) if found not in self._before]
            return [_message(client.get(address).raise_for_status().content) for address in addresses]

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=f"{self._api_url}/api/v1", trust_env=False)


@contextmanager
def folder_mails(folder: Path) -> Iterator[FolderMails]:
    yield FolderMails(folder)


def _ids(client: httpx.Client) -> list[str]:
    listed = client.get("/messages", params={"limit": 1000}).raise_for_status().json()["messages"]
    return [str(found["ID"]) for found in listed]


def _message(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=default)  # type: ignore[return-value]
