"""Becomes another program, which does not outlive the process that started it.

Run as a script: `python -IS tether.py PARENT SIGNAL USER COMMAND...`. On Linux the kernel sends SIGNAL when
PARENT is gone, also after a SIGKILL. Changing the user would clear that wish, so USER (empty: stay) is
taken on here and first. Elsewhere the program starts without the tether.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Replace this process by the command."""
    parent, end_signal, user, *command = arguments
    if user:
        _become(user)
    if sys.platform == "linux":
        _end_with(int(parent), int(end_signal))
    os.execv(command[0], command)  # noqa: S606 - the caller gives the full path


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir


def _end_with(parent: int, end_signal: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, end_signal, 0, 0, 0)
    # The parent may have died before the kernel knew of the wish.
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
