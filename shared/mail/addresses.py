"""Which texts are mail addresses, and the form that mail servers know them in.

Hosts that only an intranet knows (`mail`, `localhost`, `corp.local`) are fine. Rarities that relays
stumble over are not: quoted names, addresses of numbers, other than ASCII before the @.
"""

import re
from email.headerregistry import Address

import idna

from shared.errors import SettingsInvalid
from shared.mail.faults import MailRefused
from shared.mail.wording import one_line

# RFC 5321, section 4.5.3.1, and RFC 5322, section 3.2.3.
_LONGEST = 254
_LOCAL_PART = re.compile(r"(?=.{1,64}$)[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII | re.IGNORECASE)

_WITH_A_NAME = re.compile(r"([^<>]*)<([^<>]*)>")


def recipient_address(text: str) -> Address:
    """The one address that `text` is. Raises MailRefused for anything else."""
    checked = _checked(text)
    if checked is None:
        raise MailRefused(
            "The notification address cannot be used: one address such as joe@example.com is expected,"
            " without a name, in ASCII before the @."
        )
    return Address(addr_spec=checked)


def sender_address(text: str) -> Address:
    """The address that mails come from, as `a@b.org` or `Name <a@b.org>`. Raises SettingsInvalid."""
    named = _WITH_A_NAME.fullmatch(text)
    name, address = (named[1].strip(), named[2]) if named else ("", text)
    checked = _checked(address)
    if checked is None or name != one_line(name, len(name)):
        raise SettingsInvalid(
            "LONGSHORE_MAIL_FROM: expected an address such as longshore@example.org"
            " or Longshore <longshore@example.org>."
        )
    return Address(name, addr_spec=checked)


def _checked(text: str) -> str | None:
    """The address with its domain in ASCII; None where it is none."""
    local_part, at, domain = text.rpartition("@")
    if not at or len(text) > _LONGEST or _LOCAL_PART.fullmatch(local_part) is None:
        return None
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            return None
    checked = f"{local_part}@{domain}"
    return checked if _DOMAIN.fullmatch(domain) and len(checked) <= _LONGEST else None
