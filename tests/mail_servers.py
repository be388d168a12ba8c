"""Mail servers on this machine: one that really takes mails, and ones that misbehave word by word."""

import asyncio
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from threading import Thread
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from shared.mail.smtp import Security, SmtpMailer

HOST = "127.0.0.1"
DEADLINE_SECONDS = 20.0


@dataclass(frozen=True)
class Delivered:
    """A mail that the server took, as it came."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=default)  # type: ignore[return-value]


class MailServer:
    """Takes mails, or answers MAIL, RCPT or DATA as `answers` says.

    What `upon` holds for one of these is called, in a thread, before the answer is given; at DATA
    the mail has been taken by then.
    """

    def __init__(self) -> None:
        self.mails: list[Delivered] = []
        self.answers: dict[str, str] = {}
        self.upon: dict[str, Callable[[], object]] = {}
        self.logins: list[tuple[bytes, bytes]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"smtp://{HOST}:{self.port}"

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, *_: Any):  # noqa: N802
        envelope.mail_from = address
        return await self._answer("MAIL")

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, *_: Any):  # noqa: N802
        answer = await self._answer("RCPT")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope):  # noqa: N802
        if self.answers.get("DATA", "250").startswith("2"):
            self.mails.append(Delivered(envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return await self._answer("DATA")

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ):
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == b"pass-word", handled=False)

    async def _answer(self, command: str) -> str:
        if command in self.upon:
            await asyncio.to_thread(self.upon[command])
        return self.answers.get(command, "250 OK")

    @contextmanager
    def running(
        self, *, certificate: ssl.SSLContext | None = None, tls_first: bool = False
    ) -> Iterator[None]:
        """Answer for as long as the body runs, on the port of last time if there was one."""
        loop = asyncio.new_event_loop()
        thread = Thread(target=loop.run_forever, name="mail-server")
        thread.start()
        make = self._protocols(None if tls_first else certificate, loop)
        listening = loop.create_server(make, HOST, self.port, ssl=certificate if tls_first else None)
        try:
            server = _in(loop, listening)
            self.port = server.sockets[0].getsockname()[1]
            yield
            _in(loop, _closed(server))
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(DEADLINE_SECONDS)
            loop.close()

    def _protocols(
        self, certificate: ssl.SSLContext | None, loop: asyncio.AbstractEventLoop
    ) -> Callable[[], SMTP]:
        return lambda: SMTP(
            self,
            hostname="mail.example.org",
            tls_context=certificate,
            authenticator=self.authenticate,
            auth_require_tls=False,
            loop=loop,
        )


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server that takes everything until told otherwise."""
    server = MailServer()
    with server.running():
        yield server


def mailer_of(port: int, **changes: Any) -> SmtpMailer:
    """A mailer to a server on this machine."""
    return replace(SmtpMailer(host=HOST, port=port, security=Security.NONE), **changes)


def _in(loop: asyncio.AbstractEventLoop, coroutine: Any) -> Any:
    future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, loop)
    return future.result(DEADLINE_SECONDS)


async def _closed(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Conversation:
    """One connection, as the server sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rwb")

    def say(self, line: str) -> None:
        self._stream.write(line.encode() + b"\r\n")
        self._stream.flush()

    def hear(self) -> str:
        """The next line; empty at the end."""
        return self._stream.readline().decode().rstrip("\r\n")

    def agree_until(self, command: str) -> None:
        """Greet, and say yes to everything until the client says `command`."""
        self.say("220 at your service")
        while not (heard := self.hear()).upper().startswith(command):
            assert heard, f"the client left before {command}"
            self.say("250 yes")

    def hear_the_mail(self) -> None:
        """Ask for the mail and read it to its end."""
        self.say("354 go ahead")
        while self.hear() != ".":
            pass

    def wait_for_the_end(self) -> None:
        """Say nothing until the client gives up."""
        while self.hear():
            pass

    def is_patient(self, seconds: float) -> bool:
        """Whether the client neither leaves nor says a word for so long."""
        return not select.select([self._connection], [], [], seconds)[0]

    def close(self) -> None:
        with suppress(OSError):
            self._stream.close()


@contextmanager
def scripted_server(script: Callable[[Conversation], None]) -> Iterator[int]:
    """The port of a server that holds the same conversation on each connection, then hangs up."""
    with socket.create_server((HOST, 0)) as listener:
        thread = Thread(target=_serve, args=(listener, script), name="scripted-server")
        thread.start()
        yield listener.getsockname()[1]
        # Wakes `accept`, which closing alone does not.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE_SECONDS)


def _serve(listener: socket.socket, script: Callable[[Conversation], None]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            conversation = Conversation(connection)
            with suppress(ConnectionError):
                script(conversation)
            conversation.close()
