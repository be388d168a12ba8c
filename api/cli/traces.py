"""What makes all requests of a run one trace, where the service has traces: W3C's Trace Context.

There are no spans of the command line itself: it knows no collector.
"""

import secrets


class Trace:
    """Names each request as a part of the same trace, which is wanted."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(16)

    def traceparent(self) -> str:
        """The header of one more request."""
        return f"00-{self.id}-{secrets.token_hex(8)}-01"
