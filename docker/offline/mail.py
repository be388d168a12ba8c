"""What Mailpit does, where its image cannot be had: takes mails at port 1025 and shows them at port 8025.

Of its API there are GET /api/v1/messages and GET /api/v1/message/{ID}/raw; the root lists what has come.
"""

from collections import deque
from email import message_from_bytes
from email.policy import default
from itertools import count

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask, abort
from flask.typing import ResponseReturnValue

SMTP_PORT, HTTP_PORT = 1025, 8025
KEPT = 10_000


class Mails:
    """The mails that came last, newest first."""

    def __init__(self) -> None:
        self._kept: deque[tuple[str, bytes]] = deque(maxlen=KEPT)
        self._numbers = count(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self._kept.appendleft((str(next(self._numbers)), bytes(envelope.content or b"")))
        return "250 OK"

    def ids(self) -> list[str]:
        return [number for number, _ in list(self._kept)]

    def raw(self, number: str) -> bytes | None:
        return dict(list(self._kept)).get(number)

    def subject(self, number: str) -> str:
        return str(message_from_bytes(self.raw(number) or b"", policy=default)["Subject"])


def create_app(mails: Mails) -> Flask:
    """The pages of these mails."""
    app = Flask("mail")

    @app.get("/")
    def root() -> ResponseReturnValue:
        lines = [f"/api/v1/message/{number}/raw  {mails.subject(number)}\n" for number in mails.ids()]
        return "".join(lines), {"Content-Type": "text/plain; charset=utf-8"}

    @app.get("/api/v1/messages")
    def messages() -> ResponseReturnValue:
        return {"messages": [{"ID": number, "Subject": mails.subject(number)} for number in mails.ids()]}

    @app.get("/api/v1/message/<number>/raw")
    def raw(number: str) -> ResponseReturnValue:
        content = mails.raw(number)
        return (content, {"Content-Type": "text/plain"}) if content is not None else abort(404)

    return app


if __name__ == "__main__":
    received = Mails()
    Controller(received, hostname="0.0.0.0", port=SMTP_PORT).start()  # noqa: S104 - in a container
    create_app(received).run("0.0.0.0", HTTP_PORT)  # noqa: S104
