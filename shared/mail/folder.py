"""Mails as `.eml` files in a folder, where no mail server is at hand. Mail programs open them."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from shared.mail.faults import MailUnavailable

_OWNER_ONLY = 0o700


@dataclass(frozen=True)
class FolderMailer:
    """One file a mail, named after its Message-ID: the same mail again replaces itself."""

    folder: Path

    def send(self, message: EmailMessage, *, before_handing_over: Callable[[], object]) -> None:
        """See `Mailer.send`. Under its final name a file is whole."""
        path = self.folder / f"{_name(message)}.eml"
        unfinished = path.with_suffix(".part")
        with _folder_faults():
            self.folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
            _write(unfinished, message.as_bytes())
        before_handing_over()
        with _folder_faults():
            unfinished.replace(path)

    def check(self) -> None:
        """See `Mailer.check`."""
        with _folder_faults():
            self.folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def _folder_faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MailUnavailable(
            f"The folder for mails cannot be written: {error.strerror or 'unknown'}."
        ) from error


def _name(message: EmailMessage) -> str:
    local_part: str = message["Message-ID"].strip("<>").partition("@")[0]
    return "".join(character for character in local_part if character.isalnum() or character in "-_")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
