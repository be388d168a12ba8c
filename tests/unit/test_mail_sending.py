"""What arrives at a mail server, and what each of its misbehaviours is taken for."""

from collections.abc import Callable, Iterator

import pytest

from shared.errors import LeaseLost
from shared.mail.faults import MailRefused, MailUnavailable
from tests.mail_servers import Conversation, MailServer, mail_server, mailer_of, scripted_server
from tests.mails import Handover, a_message, lost


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def test_a_mail_arrives_whole(server: MailServer):
    body = ".\nÜber 1,000 lines\n.hidden\n" + "x" * 3000 + "\n"

    mailer_of(server.port).send(a_message(body), before_handing_over=Handover())

    [mail] = server.mails
    assert (mail.sender, mail.recipients) == ("longshore@example.org", ["joe@example.com"])
    assert mail.message["Subject"] == "Grüße"
    assert mail.message.get_content().replace("\r\n", "\n") == body
    assert max(map(len, mail.content.splitlines())) <= 78


@pytest.mark.parametrize(
    ("command", "answer", "meaning", "handover_begun"),
    [
        ("RCPT", "550 5.1.1 no such user", MailRefused, False),
        ("RCPT", "553 bad name", MailRefused, False),
        ("RCPT", "450 come back later", MailUnavailable, False),
        ("RCPT", "530 log in first", MailUnavailable, False),
        ("MAIL", "550 you may not send", MailUnavailable, False),
        ("MAIL", "421 too busy", MailUnavailable, False),
        ("DATA", "554 this is spam", MailRefused, True),
        ("DATA", "552 too large", MailRefused, True),
        ("DATA", "452 disk full", MailUnavailable, True),
    ],
)
def test_what_an_answer_means(
    server: MailServer, command: str, answer: str, meaning: type[Exception], handover_begun: bool
):
    server.answers[command] = answer
    handover = Handover()

    with pytest.raises(meaning, match=answer) as raised:
        mailer_of(server.port).send(a_message(), before_handing_over=handover)

    assert raised.value.reply_code == int(answer[:3])  # type: ignore[attr-defined]
    assert handover.begun == handover_begun
    assert server.mails == []


def greets_nobody(conversation: Conversation) -> None:
    conversation.wait_for_the_end()


def turns_everybody_away(conversation: Conversation) -> None:
    conversation.say("554 no service here")
    conversation.wait_for_the_end()


def drops_at_the_recipient(conversation: Conversation) -> None:
    conversation.agree_until("RCPT")


def speaks_something_else(conversation: Conversation) -> None:
    conversation.say("HTTP/1.1 400 Bad Request")


def refuses_to_look(conversation: Conversation) -> None:
    conversation.agree_until("DATA")
    conversation.say("451 not now")
    conversation.wait_for_the_end()


def drops_in_the_mail(conversation: Conversation) -> None:
    conversation.agree_until("DATA")
    conversation.say("354 go ahead")
    conversation.hear()


def drops_instead_of_answering(conversation: Conversation) -> None:
    conversation.agree_until("DATA")
    conversation.hear_the_mail()


def never_answers(conversation: Conversation) -> None:
    conversation.agree_until("DATA")
    conversation.hear_the_mail()
    conversation.wait_for_the_end()


@pytest.mark.parametrize(
    ("script", "handover_begun"),
    [
        (greets_nobody, False),
        (turns_everybody_away, False),
        (speaks_something_else, False),
        (drops_at_the_recipient, False),
        (refuses_to_look, True),
        (drops_in_the_mail, True),
        (drops_instead_of_answering, True),
        (never_answers, True),
    ],
)
def test_a_mail_without_a_yes_was_not_taken(script: Callable[[Conversation], None], handover_begun: bool):
    handover = Handover()

    with scripted_server(script) as port:
        mailer = mailer_of(port, reply_seconds=0.3, last_reply_seconds=0.3)
        with pytest.raises(MailUnavailable):
            mailer.send(a_message("x" * 500_000), before_handing_over=handover)

    assert handover.begun == handover_begun


def hangs_up_after_the_yes(conversation: Conversation) -> None:
    conversation.agree_until("DATA")
    conversation.hear_the_mail()
    conversation.say("250 taken")


def says_no_goodbye(conversation: Conversation) -> None:
    hangs_up_after_the_yes(conversation)
    conversation.wait_for_the_end()


@pytest.mark.parametrize("script", [hangs_up_after_the_yes, says_no_goodbye])
def test_nothing_after_the_yes_makes_it_a_no(script: Callable[[Conversation], None]):
    with scripted_server(script) as port:
        mailer_of(port).send(a_message(), before_handing_over=Handover())


def test_the_last_answer_is_given_more_time():
    """A server may look for viruses first; whoever does not wait for its yes sends the mail again."""
    patient: list[bool] = []

    def takes_its_time(conversation: Conversation) -> None:
        conversation.agree_until("DATA")
        conversation.hear_the_mail()
        patient.append(conversation.is_patient(0.6))
        conversation.say("250 taken")

    with scripted_server(takes_its_time) as port:
        mailer_of(port, reply_seconds=0.2).send(a_message(), before_handing_over=Handover())

    assert patient == [True]


def test_a_server_that_is_away_is_not_handed_anything():
    handover = Handover()
    with scripted_server(greets_nobody) as port:
        pass

    with pytest.raises(MailUnavailable, match="refused"):
        mailer_of(port).send(a_message(), before_handing_over=handover)

    assert not handover.begun


def test_who_may_not_hand_over_does_not(server: MailServer):
    with pytest.raises(LeaseLost):
        mailer_of(server.port).send(a_message(), before_handing_over=lost)

    assert server.mails == []
