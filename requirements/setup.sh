#!/bin/sh
# Makes the virtual environment that the Makefile works in, or brings it up to date.
# Called by `make` from the repository's root, with PYTHON and VENV set.
set -eu

say() { printf '%s\n' "$*" >&2; }
give_up() { say "$@"; exit 1; }

needed="Longshore needs CPython 3.11 or newer"
other="Name another one: make PYTHON=python3.12 ..."
command -v "$PYTHON" >/dev/null || give_up "$needed, and there is no $PYTHON. $other"
version() { "$1" -c 'import platform as p; print(p.python_implementation(), p.python_version())'; }
found=$(version "$PYTHON")
"$PYTHON" -c 'import sys; sys.exit(sys.implementation.name != "cpython" or sys.version_info < (3, 11))' ||
    give_up "$needed, and $PYTHON is $found. $other"

say "Preparing $VENV for $found; this takes about a minute the first time."
if [ "$(version "$VENV/bin/python" 2>/dev/null)" != "$found" ]; then
    answer=$("$PYTHON" -m venv --clear "$VENV" 2>&1) ||
        give_up "$answer
$PYTHON cannot make virtual environments: install its venv module (on Debian: apt-get install python3-venv)."
fi

log="$VENV/setup.log"
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check --no-input "$@" >>"$log" 2>&1; }
fail() { tail -n 5 "$log" >&2; give_up "$@"; }

# Wheels only: a bare machine has no compiler, and a long build would look like a hang.
pip install --only-binary :all: --require-hashes -r requirements/dev.txt ||
    fail "The pinned packages could not be installed for $found on $(uname -sm); the log is $log.
There are wheels for CPython 3.11 to 3.14 on Linux with glibc and on macOS: use one of these, or check the network."
pip install --no-deps --no-build-isolation --editable . ||
    fail "Longshore itself could not be installed; the log is $log."
