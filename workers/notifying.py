"""Mails from the outbox to the mail server, one after the other.

What was answered with yes is never sent again. A connection lost before the answer is no yes: the
mail is tried again later, with the same Message-ID. A worker lost at that moment leaves nobody
who knows, and its mail is given up (see `shared.db.notifications`).
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread

import structlog

from shared.db import notifications, sessions
from shared.db.database import Session
from shared.db.notifications import ClaimedMail
from shared.errors import ConflictOfTransactions, DatabaseUnavailable, LeaseLost
from shared.ground import Ground
from shared.heartbeat import Heartbeat
from shared.mail.addresses import sender_address
from shared.mail.composing import compose
from shared.mail.faults import MailRefused, MailUnavailable
from shared.mail.reports import JobReport
from shared.mail.sending import open_mailer
from shared.metrics import metrics
from shared.retries import Retries
from workers.giving_back import give_back

_log = structlog.get_logger()

MAILS_A_RUN = 100
# Longer than a mail server can take over one mail (see `shared.mail.smtp`).
HANDING_OVER_SECONDS = 600.0
PATIENCE_SECONDS = 24 * 3600.0
FIRST_WAIT_SECONDS = 15.0
LONGEST_WAIT_SECONDS = 1800.0

Note = Callable[[Session], None]
ShouldStop = Callable[[], bool]


def notify(ground: Ground, *, should_stop: ShouldStop) -> None:
    """Send the mails that are due, up to a bound, until the mail server does not take one.

    Safe to call at any time and any number of times; while another worker sends it does nothing.
    """
    run = MailRun(ground, should_stop)
    with ground.database.begin() as turn:
        if not notifications.take_turn(turn):
            return
        # A mail may take minutes, and the database ends what is silent for a lease.
        keep_turn = partial(sessions.break_silence, turn)
        with Heartbeat(keep_turn, ground.settings.lease_seconds / 3) as heartbeat:
            run.give_up_overdue()
            for _ in range(MAILS_A_RUN):
                heartbeat.check()
                if should_stop() or not run.send_next():
                    return


def wait_seconds(attempts: int) -> float:
    """How long a mail server is left alone after that many attempts, from 1: doubling, to half an hour."""
    return float(min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 20)))


class MailRun:
    """One worker's way from the outbox to the mail server."""

    def __init__(self, ground: Ground, should_stop: ShouldStop) -> None:
        """Raises SettingsInvalid, before any mail is touched, where the settings allow no sending."""
        self._database = ground.database
        self._lease_seconds = ground.settings.lease_seconds
        self._retries = Retries.of(ground.settings)
        self._should_stop = should_stop
        self._sender = sender_address(ground.settings.mail_from)
        self._mailer = open_mailer(ground.settings.smtp_url)

    def give_up_overdue(self) -> None:
        """Give up what was tried in vain for a day or cut off while being handed over."""
        with self._database.begin() as session:
            overdue = notifications.give_up_overdue(
                session, patience_seconds=PATIENCE_SECONDS, limit=MAILS_A_RUN
            )
        for job_id in overdue:
            metrics().mails.labels("given_up").inc()
            _log.warning("mail_given_up", job_id=str(job_id), reason="overdue")

    def send_next(self) -> bool:
        """Send the mail that is due longest; False where none is or the mail server does not take it."""
        with self._database.begin() as session:
            mail = notifications.claim(session, lease_seconds=self._lease_seconds)
        if mail is None:
            return False
        with structlog.contextvars.bound_contextvars(job_id=str(mail.job_id), attempts=mail.attempts):
            return self._send(mail)

    def _send(self, mail: ClaimedMail) -> bool:
        try:
            self._hand_over(mail)
        except LeaseLost:
            _log.info("mail_left")
        except MailRefused as refusal:
            self._give_up(mail, refusal)
        except MailUnavailable as fault:
            self._postpone(mail, str(fault), wait_seconds(mail.attempts), fault.reply_code)
            return False
        except (ConflictOfTransactions, DatabaseUnavailable) as fault:
            # Nobody heard, or said so, that the mail is handed over, and so it was not.
            self._postpone(mail, str(fault), self._retries.pause(mail.attempts).total_seconds())
            return False
        else:
            self._mark_sent(mail)
        return True

    def _hand_over(self, mail: ClaimedMail) -> None:
        message = compose(
            JobReport.from_json(mail.content),
            job_id=mail.job_id,
            sender=self._sender,
            recipient=mail.recipient,
            composed_at=mail.created_at,
        )
        self._mailer.send(message, before_handing_over=partial(self._begin_handing_over, mail))

    def _begin_handing_over(self, mail: ClaimedMail) -> None:
        self._say(
            lambda session: notifications.begin_handing_over(
                session, mail, lease_seconds=HANDING_OVER_SECONDS
            )
        )

    def _mark_sent(self, mail: ClaimedMail) -> None:
        # Said before it is written down: should the database be gone, the log is the only witness.
        _log.info("mail_sent")
        metrics().mails.labels("sent").inc()
        self._note(lambda session: notifications.mark_sent(session, mail))

    def _postpone(self, mail: ClaimedMail, reason: str, wait: float, reply_code: int | None = None) -> None:
        metrics().retries.labels("mail").inc()
        _log.warning("mail_postponed", reply_code=reply_code, wait_seconds=wait)
        self._note(
            lambda session: notifications.postpone(
                session, mail, reason, wait_seconds=wait, patience_seconds=PATIENCE_SECONDS
            )
        )

    def _give_up(self, mail: ClaimedMail, refusal: MailRefused) -> None:
        metrics().mails.labels("given_up").inc()
        _log.warning("mail_given_up", reason="refused", reply_code=refusal.reply_code)
        self._note(lambda session: notifications.give_up(session, mail, str(refusal)))

    def _note(self, note: Note) -> None:
        """What became of a mail; only this worker knows, and unsaid the mail would be given up as unknown."""
        say = partial(self._say, note)
        try:
            give_back(say, self._retries.patience_seconds, self._should_stop, despite=(DatabaseUnavailable,))
        except ConflictOfTransactions:
            _log.warning("mail_held")
            # Who holds it may do so for hours, and the other mails wait for us.
            Thread(target=self._keep_saying, args=(say,), name="held-mail", daemon=True).start()

    def _keep_saying(self, say: Callable[[], None]) -> None:
        with suppress(ConflictOfTransactions, DatabaseUnavailable):
            give_back(say, self._retries.patience_seconds, self._should_stop)

    def _say(self, note: Note) -> None:
        with self._database.begin() as session:
            sessions.wait_briefly(session)
            note(session)
