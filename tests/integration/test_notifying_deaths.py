"""Whatever becomes of the workers that send them, no mail is sent twice for one yes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.db import notifications
from shared.db.notifications import ClaimedMail
from shared.errors import DatabaseUnavailable
from shared.ground import Ground
from tests.integration import outbox
from tests.integration.builders import never, tuned
from tests.integration.conftest import Refuse
from tests.integration.held_rows import LOCK_MAILS, held
from tests.integration.job_builders import (
    at_statement,
    lose_the_answer_to_the_next_commit,
    sessions_ended_at,
    wait_until,
)
from tests.integration.outbox import a_due_mail, delete_job, fate, let_waits_pass, row, run, seconds_until_due
from tests.mail_servers import DEADLINE_SECONDS, Conversation, MailServer, mail_server, scripted_server
from workers.notifying import HANDING_OVER_SECONDS, PATIENCE_SECONDS, MailRun

BEGIN = "SET sending_since = clock_timestamp()"

# A worker of its own, so that it can be killed.
WORKER = """
import os
from shared.ground import Ground
from shared.settings import Settings
from workers.notifying import notify
notify(Ground.open(Settings.read(os.environ)), should_stop=lambda: False)
"""


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def mailing(ground: Ground, server: MailServer) -> Ground:
    """The ground with `server` as its mail server and nothing in the outbox."""
    outbox.empty(ground)
    return tuned(ground, smtp_url=server.url, mail_from="longshore@example.org")


def die_upon(command: str, server: MailServer, environment: dict[str, str]) -> None:
    """A worker sends mails and is killed while it waits for the answer to `command`."""
    given = os.environ | environment | {"SMTP_URL": server.url}
    worker = subprocess.Popen([sys.executable, "-c", WORKER], env=given)

    def kill() -> None:
        worker.send_signal(signal.SIGKILL)
        worker.wait(DEADLINE_SECONDS)

    server.upon[command] = kill
    assert worker.wait(DEADLINE_SECONDS) == -signal.SIGKILL
    del server.upon[command]


def begin_handing_over(ground: Ground) -> notifications.ClaimedMail:
    """A worker is about to give the mail to the server."""
    with ground.database.begin() as session:
        mail = notifications.claim(session, lease_seconds=HANDING_OVER_SECONDS)
        assert mail is not None
        notifications.begin_handing_over(session, mail, lease_seconds=HANDING_OVER_SECONDS)
    return mail


def test_a_worker_killed_before_the_mail_leaves_it_to_the_next(
    mailing: Ground, server: MailServer, service: Service, environment: dict[str, str]
):
    job_id = a_due_mail(mailing, service)
    die_upon("RCPT", server, environment)

    run(mailing)
    assert (server.mails, fate(mailing, job_id)) == ([], "waiting")
    assert 0 < seconds_until_due(mailing, job_id) <= mailing.settings.lease_seconds

    let_waits_pass(mailing)
    run(mailing)
    assert (len(server.mails), fate(mailing, job_id)) == (1, "sent")


def test_a_worker_killed_before_the_yes_reaches_it_sends_nothing_twice(
    mailing: Ground, server: MailServer, service: Service, environment: dict[str, str]
):
    """The server has the mail, and nobody is left who could know: given up, not sent again."""
    job_id = a_due_mail(mailing, service)
    die_upon("DATA", server, environment)

    run(mailing)
    assert fate(mailing, job_id) == "being handed over"

    let_waits_pass(mailing)
    run(mailing)
    assert (len(server.mails), fate(mailing, job_id)) == (1, "given up")
    assert row(mailing, job_id).last_error == notifications.UNKNOWN


def test_a_connection_lost_before_the_yes_is_tried_again_with_the_same_message_id(
    mailing: Ground, server: MailServer, service: Service
):
    job_id = a_due_mail(mailing, service)
    heard: list[str] = []

    def drops_in_the_mail(conversation: Conversation) -> None:
        conversation.agree_until("DATA")
        conversation.say("354 go ahead")
        while not heard or not heard[-1].startswith("Message-ID"):
            heard.append(conversation.hear())

    with scripted_server(drops_in_the_mail) as port:
        run(tuned(mailing, smtp_url=f"smtp://127.0.0.1:{port}"))
    assert fate(mailing, job_id) == "waiting"
    let_waits_pass(mailing)
    run(mailing)

    [mail] = server.mails
    assert heard[-1] == f"Message-ID: {mail.message['Message-ID']}"
    assert fate(mailing, job_id) == "sent"


def test_a_worker_whose_lease_ran_out_hands_nothing_over(
    mailing: Ground, server: MailServer, service: Service
):
    job_id = a_due_mail(mailing, service)
    others: list[bool] = []

    def let_another_send() -> None:
        del server.upon["RCPT"]
        let_waits_pass(mailing)
        others.append(MailRun(mailing, never).send_next())

    server.upon["RCPT"] = let_another_send
    run(mailing)

    assert others == [True]
    assert (len(server.mails), fate(mailing, job_id)) == (1, "sent")
    assert row(mailing, job_id).attempts == 2


def test_two_workers_at_once_send_each_mail_once(mailing: Ground, server: MailServer, service: Service):
    jobs = {str(a_due_mail(mailing, service)) for _ in range(30)}
    both_send = Barrier(2, action=server.upon.clear)
    server.upon["RCPT"] = lambda: both_send.wait(DEADLINE_SECONDS)

    def work() -> None:
        mail_run = MailRun(mailing, never)
        while mail_run.send_next():
            pass

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(DEADLINE_SECONDS)

    sent = [mail.message["Message-ID"].strip("<>").partition("@")[0] for mail in server.mails]
    assert sorted(sent) == sorted(jobs)


def test_two_claims_at_once_take_different_mails(mailing: Ground, service: Service):
    jobs = {a_due_mail(mailing, service) for _ in range(2)}

    with mailing.database.begin() as first, mailing.database.begin() as second:
        second.execute(text("SET LOCAL lock_timeout = '5s'"))
        claims = [
            notifications.claim(session, lease_seconds=HANDING_OVER_SECONDS) for session in (first, second)
        ]

    assert {claim.job_id for claim in claims if claim} == jobs


def test_a_slow_mail_server_keeps_one_worker_busy(mailing: Ground, server: MailServer, service: Service):
    for _ in range(2):
        a_due_mail(mailing, service)
    sent_by_another: list[int] = []

    def let_another_try() -> None:
        del server.upon["RCPT"]
        run(mailing)
        sent_by_another.append(len(server.mails))

    server.upon["RCPT"] = let_another_try
    run(mailing)

    assert sent_by_another == [0]
    assert len(server.mails) == 2


def test_a_job_deleted_meanwhile_is_not_told_about(mailing: Ground, server: MailServer, service: Service):
    job_id = a_due_mail(mailing, service)
    server.upon["RCPT"] = lambda: delete_job(mailing, job_id)

    run(mailing)

    assert server.mails == []


def test_what_may_have_been_taken_is_claimed_by_nobody(mailing: Ground, service: Service):
    a_due_mail(mailing, service)
    begin_handing_over(mailing)
    let_waits_pass(mailing)

    with mailing.database.begin() as session:
        assert notifications.claim(session, lease_seconds=HANDING_OVER_SECONDS) is None


def given_up_as_unknown(mailing: Ground, service: Service) -> tuple[UUID, ClaimedMail]:
    """The id of its job, and the mail as its worker has it, who is still handing it over."""
    job_id = a_due_mail(mailing, service)
    mail = begin_handing_over(mailing)
    let_waits_pass(mailing)
    run(mailing)
    assert fate(mailing, job_id) == "given up"
    return job_id, mail


def test_a_late_yes_counts_though_the_mail_was_given_up(mailing: Ground, service: Service):
    job_id, mail = given_up_as_unknown(mailing, service)

    with mailing.database.begin() as session:
        notifications.mark_sent(session, mail)

    assert (fate(mailing, job_id), row(mailing, job_id).last_error) == ("sent", None)


def test_a_late_no_counts_though_the_mail_was_given_up(mailing: Ground, server: MailServer, service: Service):
    job_id, mail = given_up_as_unknown(mailing, service)

    with mailing.database.begin() as session:
        notifications.postpone(session, mail, "no", wait_seconds=1, patience_seconds=PATIENCE_SECONDS)

    assert (fate(mailing, job_id), row(mailing, job_id).last_error) == ("waiting", "no")
    let_waits_pass(mailing)
    run(mailing)
    assert (fate(mailing, job_id), len(server.mails)) == ("sent", 1)


def test_a_mail_is_not_given_up_because_the_database_did_not_say_that_it_may_be_handed_over(
    mailing: Ground, server: MailServer, service: Service
):
    """It took effect: ten minutes later it was given up as one that the mail server may have taken."""
    job_id = a_due_mail(mailing, service)
    with at_statement(BEGIN, lose_the_answer_to_the_next_commit):
        run(mailing)
    assert (server.mails, fate(mailing, job_id)) == ([], "waiting")

    let_waits_pass(mailing)
    run(mailing)

    assert (len(server.mails), fate(mailing, job_id)) == (1, "sent")


@pytest.mark.parametrize("fault", ["sessions end", "the answer is lost", "gives way"])
def test_a_mail_is_tried_again_soon_after_a_fault_of_the_database(
    mailing: Ground, server: MailServer, service: Service, refuse: Refuse, fault: str
):
    """It waited as for a mail server, for 15 seconds and more, once the database was back."""
    job_id = a_due_mail(mailing, service)
    with ExitStack() as faults:
        if fault == "sessions end":
            faults.enter_context(suppress(DatabaseUnavailable))
            faults.enter_context(sessions_ended_at(mailing, BEGIN))
        elif fault == "the answer is lost":
            faults.enter_context(at_statement(BEGIN, lose_the_answer_to_the_next_commit))
        else:
            refuse("true", "40001", times=1, table="notifications", event="BEFORE UPDATE OF sending_since")
        run(mailing)

    assert (server.mails, fate(mailing, job_id), row(mailing, job_id).attempts) == ([], "waiting", 1)
    assert seconds_until_due(mailing, job_id) <= mailing.settings.retry_seconds


# The worker's turn ends with the sessions, and it says so at last.


def test_a_yes_is_noted_as_soon_as_the_database_is_back(
    mailing: Ground, server: MailServer, service: Service
):
    """It was given up as unknown, by whoever looked next."""
    job_id = a_due_mail(mailing, service)

    with suppress(DatabaseUnavailable), sessions_ended_at(mailing, "SET sent_at = clock_timestamp()"):
        run(mailing)

    assert (len(server.mails), fate(mailing, job_id)) == (1, "sent")


def test_so_is_a_connection_lost_before_the_yes(mailing: Ground, service: Service):
    job_id = a_due_mail(mailing, service)

    def drops_the_mail(conversation: Conversation) -> None:
        conversation.agree_until("DATA")
        conversation.say("354 go ahead")

    with (
        scripted_server(drops_the_mail) as port,
        suppress(DatabaseUnavailable),
        sessions_ended_at(mailing, "SET sending_since = NULL"),
    ):
        run(tuned(mailing, smtp_url=f"smtp://127.0.0.1:{port}"))

    assert fate(mailing, job_id) == "waiting"
    assert "The mail server cannot be reached" in str(row(mailing, job_id).last_error)


def test_so_is_a_no(mailing: Ground, server: MailServer, service: Service):
    job_id = a_due_mail(mailing, service)
    server.answers["RCPT"] = "550 5.1.1 no such user"

    with (
        suppress(DatabaseUnavailable),
        sessions_ended_at(mailing, "clock_timestamp(), sending_since"),
    ):
        run(mailing)

    assert fate(mailing, job_id) == "given up"


def test_a_late_refusal_counts_though_the_mail_was_given_up(mailing: Ground, service: Service):
    job_id, mail = given_up_as_unknown(mailing, service)

    with mailing.database.begin() as session:
        notifications.give_up(session, mail, "550 no such user")

    assert (fate(mailing, job_id), row(mailing, job_id).last_error) == ("given up", "550 no such user")


def test_a_mail_that_somebody_holds_keeps_no_other_one_waiting(
    mailing: Ground, server: MailServer, service: Service
):
    """Whoever had claimed it said that it had to wait, for as long as it was held, and sent nothing else."""
    held_id, other_id = a_due_mail(mailing, service), a_due_mail(mailing, service)
    with ExitStack() as stranger:
        with at_statement(BEGIN, lambda: stranger.enter_context(held(mailing, LOCK_MAILS, held_id))):
            run(mailing)
        run(mailing)

        assert fate(mailing, other_id) == "sent"
    wait_until(lambda: row(mailing, held_id).last_error is not None)
    let_waits_pass(mailing)
    run(mailing)
    assert (fate(mailing, held_id), len(server.mails)) == ("sent", 2)


@pytest.mark.parametrize(("answer", "expected"), [("250 OK", "sent"), ("451 not now", "waiting")])
def test_what_became_of_a_mail_is_noted_when_whoever_holds_it_lets_go(
    mailing: Ground, server: MailServer, service: Service, answer: str, expected: str
):
    """It was not said again, and the mail was given up as unknown. Meanwhile others are sent."""
    held_id = a_due_mail(mailing, service)
    server.answers["DATA"] = answer
    with ExitStack() as stranger:
        server.upon["DATA"] = lambda: stranger.enter_context(held(mailing, LOCK_MAILS, held_id))
        run(mailing)
        server.upon.clear()
        server.answers.clear()
        other_id = a_due_mail(mailing, service)
        run(mailing)

        assert (fate(mailing, held_id), fate(mailing, other_id)) == ("being handed over", "sent")
    wait_until(lambda: fate(mailing, held_id) == expected)

    let_waits_pass(mailing)
    run(mailing)
    assert (fate(mailing, held_id), len(server.mails)) == ("sent", 2)


@pytest.mark.parametrize(
    ("answer", "expected"), [("250 OK", "sent"), ("451 not now", "waiting"), ("550 never", "given up")]
)
def test_a_note_that_has_to_give_way_is_said_again(
    mailing: Ground, server: MailServer, service: Service, refuse: Refuse, answer: str, expected: str
):
    """It was given up as unknown, though its worker knew."""
    job_id = a_due_mail(mailing, service)
    server.answers["DATA"] = answer
    is_noted = "EXISTS (SELECT FROM changed WHERE sent_at IS NOT NULL OR last_error IS NOT NULL)"
    seeing = "REFERENCING NEW TABLE AS changed"
    refused = refuse(is_noted, "40001", times=1, table="notifications", event="AFTER UPDATE", seeing=seeing)

    run(mailing)

    wait_until(lambda: fate(mailing, job_id) == expected)
    assert refused() == 2


def test_a_stale_worker_can_change_nothing(mailing: Ground, service: Service):
    job_id = a_due_mail(mailing, service)
    claims = []
    for _ in range(2):
        let_waits_pass(mailing)
        with mailing.database.begin() as session:
            claims.append(notifications.claim(session, lease_seconds=HANDING_OVER_SECONDS))
    stale = claims[0]
    assert stale is not None

    with mailing.database.begin() as session:
        notifications.mark_sent(session, stale)
        notifications.give_up(session, stale, "stale")
        notifications.postpone(session, stale, "stale", wait_seconds=1, patience_seconds=PATIENCE_SECONDS)

    assert (fate(mailing, job_id), row(mailing, job_id).last_error) == ("waiting", None)


def test_what_a_row_holds_about_a_person_is_not_in_repr(mailing: Ground, service: Service):
    a_due_mail(mailing, service, reason="secret reason")
    with mailing.database.begin() as session:
        mail = notifications.claim(session, lease_seconds=HANDING_OVER_SECONDS)

    assert not any(word in repr(mail) for word in ("joe", "secret"))
