"""A worker whose children stand still just after their fork, until they are sent SIGCONT.

HALT says where: `unnamed`, when they take themselves for their parent, or `named`, when they know better.
"""

import os
import signal
import sys

from billiard import util

from workers.__main__ import main


def halt(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    if os.environ["HALT"] == "unnamed":
        os.register_at_fork(after_in_child=halt)
    else:
        util.register_after_fork(halt, halt)
    sys.exit(main(sys.argv[1:]))
