"""Which texts are addresses, so that a mail goes to one place and nowhere else."""

import pytest

from shared.errors import SettingsInvalid
from shared.mail.addresses import recipient_address, sender_address
from shared.mail.faults import MailRefused


@pytest.mark.parametrize(
    ("given_address", "used"),
    [
        ("joe@example.com", "joe@example.com"),
        ("joe@bücher。example", "joe@xn--bcher-kva.example"),
        ("Joe.O'Neil+jobs@Example.COM", "Joe.O'Neil+jobs@Example.COM"),
        ("joe@bücher.example", "joe@xn--bcher-kva.example"),
        ("root@localhost", "root@localhost"),
        ("ops@mail", "ops@mail"),
        ("jobs@corp.local", "jobs@corp.local"),
    ],
)
def test_an_address_is_used_in_the_form_that_servers_know(given_address: str, used: str):
    assert recipient_address(given_address).addr_spec == used


@pytest.mark.parametrize(
    "address",
    [
        "",
        "joe",
        "joe@",
        "@example.com",
        "joe@example.com, eve@example.com",
        "joe@example.com;eve@example.com",
        "Joe <joe@example.com>",
        "joe@example.com\r\nBcc: eve@example.com",
        "joe@example.com\n",
        "joe@example.com>\r\nRCPT TO:<eve@example.com",
        "jo\x00e@example.com",
        "jörg@example.com",
        '"joe eve"@example.com',
        "joe@[127.0.0.1]",
        "joe@exam ple.com",
        "j" * 65 + "@example.com",
        "joe@" + "x." * 130 + "com",
        "joe@-example.com",
        "joe@exa_mple.com",
        "joe@example..com",
        "joe@example.com.",
        ".joe@example.com",
        "joe@ü\u202e.example",
        "joe@" + "ü" * 200 + ".example",
        "joe@@example.com",
        "x" * 10_000,
        "x@" * 10_000,
    ],
)
def test_what_is_not_one_address_gets_no_mail(address: str):
    with pytest.raises(MailRefused, match="notification address"):
        recipient_address(address)


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "Longshore",
        "Longshore <longshore@example.org>\r\nBcc: eve@example.com",
        "a\r\nBcc: eve@example.com <longshore@example.org>",
        "a@b.org <c@d.org> <e@f.org>",
    ],
)
def test_an_unusable_sender_is_refused_by_the_name_of_its_setting(sender: str):
    with pytest.raises(SettingsInvalid, match="LONGSHORE_MAIL_FROM"):
        sender_address(sender)


@pytest.mark.parametrize(
    ("sender", "header"),
    [
        ("longshore@example.org", "longshore@example.org"),
        ("Longshore <longshore@localhost>", "Longshore <longshore@localhost>"),
        ("Longshore, Inc. <a@example.org>", '"Longshore, Inc." <a@example.org>'),
    ],
)
def test_a_sender_may_have_a_name(sender: str, header: str):
    assert str(sender_address(sender)) == header
