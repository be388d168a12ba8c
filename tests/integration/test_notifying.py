"""Mails leave the outbox once, wait for a mail server that is away, and are given up in the end."""

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from api.usecases.services import Service
from shared.db import notifications
from shared.errors import SettingsInvalid
from shared.ground import Ground
from tests.integration import outbox
from tests.integration.builders import tuned
from tests.integration.outbox import (
    a_due_mail,
    fate,
    let_hours_pass,
    let_waits_pass,
    row,
    run,
    seconds_until_due,
)
from tests.mail_servers import HOST, Conversation, MailServer, mail_server, scripted_server
from tests.mails import a_report
from workers.notifying import MAILS_A_RUN, notify

SILENCE_SECONDS = 2.0  # a third of it passes between two signs of life, on a busy machine a second more


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def mailing(ground: Ground, server: MailServer) -> Ground:
    """The ground with `server` as its mail server and nothing in the outbox."""
    outbox.empty(ground)
    return tuned(ground, smtp_url=server.url, mail_from="Longshore <longshore@example.org>")


def to(ground: Ground, port: int) -> Ground:
    return tuned(ground, smtp_url=f"smtp://{HOST}:{port}")


def hangs_up(_: Conversation) -> None:
    pass


def test_a_due_mail_is_sent_once(mailing: Ground, server: MailServer, service: Service):
    job_id = a_due_mail(mailing, service, job_name="Nightly accounts")

    run(mailing)
    run(mailing)

    [mail] = server.mails
    assert mail.recipients == ["joe@example.com"]
    assert mail.message["Subject"] == 'Import "Nightly accounts" completed'
    assert mail.message["Message-ID"] == f"<{job_id}@example.org>"
    assert fate(mailing, job_id) == "sent"


def test_a_worker_keeps_its_turn_while_a_mail_server_takes_long(ground: Ground, service: Service):
    """The server ends a transaction that is silent for a lease, and with it went the turn."""
    outbox.empty(ground)
    job_id = a_due_mail(ground, service)
    took: list[bool] = []

    def takes_its_time(conversation: Conversation) -> None:
        conversation.agree_until("DATA")
        conversation.hear_the_mail()
        conversation.is_patient(3 * SILENCE_SECONDS)
        with ground.database.begin() as session:
            took.append(notifications.take_turn(session))
        conversation.say("250 taken")

    with scripted_server(takes_its_time) as port:
        opened = Ground.open(replace(to(ground, port).settings, lease_seconds=SILENCE_SECONDS))
        run(opened)
        opened.close()

    assert (took, fate(ground, job_id)) == ([False], "sent")


def test_a_job_has_one_mail(mailing: Ground, server: MailServer, service: Service):
    job_id = a_due_mail(mailing, service, job_name="First")

    for _ in range(2):
        with mailing.database.begin() as session:
            second = a_report(job_name="Second").as_json()
            assert not notifications.add(session, job_id, recipient="eve@example.com", content=second)
        run(mailing)

    [mail] = server.mails
    assert (mail.recipients, mail.message["Subject"]) == (["joe@example.com"], 'Import "First" completed')


def test_mails_leave_in_the_order_in_which_they_are_due(
    mailing: Ground, server: MailServer, service: Service
):
    jobs = [a_due_mail(mailing, service) for _ in range(5)]

    run(mailing)

    assert [mail.message["Message-ID"] for mail in server.mails] == [f"<{job}@example.org>" for job in jobs]


def test_a_run_is_bounded(mailing: Ground, server: MailServer, service: Service):
    for _ in range(MAILS_A_RUN + 1):
        a_due_mail(mailing, service)

    run(mailing)

    assert len(server.mails) == MAILS_A_RUN


def test_a_worker_that_shall_stop_stops_between_two_mails(
    mailing: Ground, server: MailServer, service: Service
):
    for _ in range(3):
        a_due_mail(mailing, service)

    notify(mailing, should_stop=lambda: len(server.mails) == 2)

    assert len(server.mails) == 2


def test_a_refused_recipient_is_given_up_at_once(mailing: Ground, server: MailServer, service: Service):
    job_id = a_due_mail(mailing, service)
    server.answers["RCPT"] = "550 5.1.1 no such user"

    run(mailing)
    del server.answers["RCPT"]
    let_waits_pass(mailing)
    run(mailing)

    assert fate(mailing, job_id) == "given up"
    assert row(mailing, job_id).last_error == "The mail server refused the mail: 550 5.1.1 no such user"
    assert server.mails == []


def test_one_refused_mail_does_not_hold_up_the_next(mailing: Ground, server: MailServer, service: Service):
    refused = a_due_mail(mailing, service, recipient="joe@example.com\nBcc: eve@example.com")
    unreadable = a_due_mail(mailing, service, content={"kind": "party"})
    good = a_due_mail(mailing, service)

    run(mailing)

    assert [fate(mailing, job) for job in (refused, unreadable, good)] == ["given up", "given up", "sent"]
    assert "address" in str(row(mailing, refused).last_error)
    assert "content" in str(row(mailing, unreadable).last_error)


def test_mails_wait_longer_and_longer_for_a_server_that_is_away(mailing: Ground, service: Service):
    job_id = a_due_mail(mailing, service)
    with scripted_server(hangs_up) as port:
        pass

    waits = []
    for _ in range(3):
        run(to(mailing, port))
        waits.append(seconds_until_due(mailing, job_id))
        let_waits_pass(mailing)

    assert waits == pytest.approx([15, 30, 60], abs=5)
    assert fate(mailing, job_id) == "waiting"
    assert "refused" in str(row(mailing, job_id).last_error)


def test_mails_leave_when_the_server_is_back(ground: Ground, service: Service):
    outbox.empty(ground)
    server = MailServer()
    with server.running():
        mailing = to(ground, server.port)
    jobs = [a_due_mail(ground, service) for _ in range(3)]
    run(mailing)
    let_waits_pass(mailing)

    with server.running():
        run(mailing)

    assert len(server.mails) == 3
    assert {fate(mailing, job) for job in jobs} == {"sent"}


def test_a_server_that_is_away_is_asked_once_a_run(mailing: Ground, service: Service):
    jobs = [a_due_mail(mailing, service) for _ in range(3)]

    with scripted_server(hangs_up) as port:
        run(to(mailing, port))

    assert [row(mailing, job).attempts for job in jobs] == [1, 0, 0]


def test_a_mail_that_is_not_due_waits(mailing: Ground, server: MailServer, service: Service):
    job_id = a_due_mail(mailing, service)
    server.answers["DATA"] = "451 not now"
    run(mailing)
    server.answers.clear()

    run(mailing)
    assert server.mails == []

    let_waits_pass(mailing)
    run(mailing)
    assert (len(server.mails), fate(mailing, job_id)) == (1, "sent")


def test_after_a_day_a_mail_is_given_up(mailing: Ground, server: MailServer, service: Service):
    job_id = a_due_mail(mailing, service)
    server.answers["RCPT"] = "450 greylisted"
    run(mailing)
    let_hours_pass(mailing, 23)
    run(mailing)
    assert fate(mailing, job_id) == "waiting"

    let_hours_pass(mailing, 2)
    server.answers.clear()
    run(mailing)

    assert (server.mails, fate(mailing, job_id)) == ([], "given up")
    assert row(mailing, job_id).last_error == "The mail server takes no mail now: 450 greylisted"


def test_no_wait_goes_beyond_the_day(mailing: Ground, server: MailServer, service: Service):
    job_id = a_due_mail(mailing, service)
    let_hours_pass(mailing, 24 - 5 / 3600)
    server.answers["RCPT"] = "450 greylisted"

    run(mailing)

    assert 0 < seconds_until_due(mailing, job_id) <= 5


def test_a_mail_that_nobody_tried_for_two_days_is_tried_once(
    mailing: Ground, server: MailServer, service: Service
):
    served, unserved = (a_due_mail(mailing, service) for _ in range(2))
    let_hours_pass(mailing, 48)

    run(mailing)
    assert fate(mailing, served) == "sent"

    assert fate(mailing, unserved) == "sent"


def test_without_smtp_url_mails_wait_for_it(mailing: Ground, server: MailServer, service: Service):
    job_id = a_due_mail(mailing, service)

    run(tuned(mailing, smtp_url=None))

    assert fate(mailing, job_id) == "waiting"
    assert "SMTP_URL" in str(row(mailing, job_id).last_error)
    let_waits_pass(mailing)
    run(mailing)
    assert len(server.mails) == 1


@pytest.mark.parametrize("wrong", [{"smtp_url": "nonsense"}, {"mail_from": "nobody"}])
def test_settings_that_allow_no_sending_touch_no_mail(
    mailing: Ground, service: Service, wrong: dict[str, str]
):
    job_id = a_due_mail(mailing, service)

    with pytest.raises(SettingsInvalid):
        run(tuned(mailing, **wrong))

    assert row(mailing, job_id).attempts == 0


def test_a_folder_takes_mails_where_no_server_is(ground: Ground, service: Service, tmp_path: Path):
    outbox.empty(ground)
    job_id = a_due_mail(ground, service)

    run(tuned(ground, smtp_url=f"file://{tmp_path}/mails"))

    message = message_from_bytes((tmp_path / "mails" / f"{job_id}.eml").read_bytes(), policy=default)
    assert message["To"] == "joe@example.com"
    assert fate(ground, job_id) == "sent"


def test_logs_tell_of_jobs_and_codes_and_never_of_people(
    mailing: Ground, server: MailServer, service: Service
):
    sent = a_due_mail(mailing, service)
    refused = a_due_mail(mailing, service)
    with_login = tuned(mailing, smtp_url=server.url.replace("//", "//joe:pass-word@"))
    server.upon["DATA"] = lambda: server.answers.update(RCPT="550 <joe@example.com>: no such user")

    with capture_logs() as entries:
        run(with_login)

    assert [(entry["event"], entry.get("reply_code")) for entry in entries] == [
        ("mail_sent", None),
        ("mail_given_up", 550),
    ]
    assert [fate(mailing, job) for job in (sent, refused)] == ["sent", "given up"]
    assert not any(word in str(entries) for word in ("joe", "pass-word", "example.com"))
