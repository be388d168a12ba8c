"""What is to happen only once a transaction has taken effect."""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.orm import Session


def on_commit(session: Session, act: Callable[[], object]) -> None:
    """Call `act` when the transaction commits; never where it is rolled back."""
    event.listen(session, "after_commit", lambda _: act(), once=True)
