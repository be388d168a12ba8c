"""`sqlite-utils upsert`, the command line, starting included."""

import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.peer.timing import LAST_VISITS, given_task, tell


def main() -> None:
    task = given_task()
    database = task.folder / "contacts.db"
    program = str(Path(sys.executable).with_name("sqlite-utils"))

    def write(file: Path) -> None:
        command = [program, "upsert", str(database), "contacts", str(file), "--nl", "--pk", "documentid"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def changed_documents() -> int:
        query = f"SELECT count(*) FROM contacts WHERE visits = {LAST_VISITS}"
        return int(sqlite3.connect(database).execute(query).fetchone()[0])

    tell(task, write, changed_documents)


if __name__ == "__main__":
    main()
