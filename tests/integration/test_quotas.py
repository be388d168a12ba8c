"""What a data service may have at most: exact also when many ask at once, and no other's concern."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.usecases.blocks import receive_block
from api.usecases.imports import delete_import, get_import, list_imports
from api.usecases.services import Service
from shared.errors import QuotaReached, TooManyBlocks, TooManyJobs, TooManyOpenImports
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import an_import, ask, block_files, numbered, tuned, work_off
from tests.integration.job_builders import a_file_import, an_export, an_item_type

AT_ONCE = 10


def at_once(act: Callable[[], object], callers: int = AT_ONCE) -> int:
    """So many callers do the same at the same time; returns how many were let."""

    def is_let(_: int) -> bool:
        try:
            act()
        except (QuotaReached, TooManyJobs):
            return False
        return True

    with ThreadPoolExecutor(callers) as threads:
        return sum(threads.map(is_let, range(callers)))


def test_a_service_has_so_many_open_imports_at_most(ground: Ground, service: Service):
    limited = tuned(ground, open_imports=2)
    for _ in range(2):
        an_import(limited, service, status=Status.CONFIGURING)

    with pytest.raises(TooManyOpenImports, match="2 imports have not ended, the most there may be"):
        an_import(limited, service)

    assert len(list_imports(ground, service, 1)) == 2


def test_of_many_who_create_an_import_at_once_so_many_are_let(ground: Ground, service: Service):
    limited = tuned(ground, open_imports=4)
    an_import(limited, service, status=Status.CONFIGURING)

    assert at_once(lambda: an_import(limited, service, status=Status.CONFIGURING)) == 3

    assert len(list_imports(ground, service, 1)) == 4


END: dict[str, Callable[[Ground, Service, int], object]] = {
    "complete": work_off,
    "canceled": lambda *whose: ask(*whose, Status.CANCELED),
    "deleted": delete_import,
}


@pytest.mark.parametrize("end", END.values(), ids=END)
def test_an_import_that_has_ended_makes_room_for_another(
    ground: Ground, service: Service, end: Callable[[Ground, Service, int], object]
):
    limited = tuned(ground, open_imports=1)
    import_id = an_import(limited, service, numbered(1))

    end(limited, service, import_id)

    an_import(limited, service)
    with pytest.raises(TooManyOpenImports):
        an_import(limited, service)


def test_imports_of_both_doors_are_open_imports(ground: Ground, service: Service):
    limited = tuned(ground, open_imports=1)
    an_item_type(ground, service)
    job = a_file_import(limited, service, b'{"accountId":"1"}')

    with pytest.raises(TooManyOpenImports):
        an_import(limited, service)

    job.work_off()
    an_import(limited, service)
    with pytest.raises(TooManyOpenImports):
        a_file_import(limited, service, b'{"accountId":"1"}')


def test_anothers_open_imports_are_no_ones_concern(ground: Ground, service: Service, stranger: Service):
    limited = tuned(ground, open_imports=1)
    an_import(limited, service)

    an_import(limited, stranger)


def test_of_many_jobs_at_once_so_many_are_taken_and_the_strangers_are_no_concern(
    ground: Ground, service: Service, stranger: Service
):
    limited = tuned(ground, jobs_an_hour=4)
    for whose in (service, stranger):
        an_item_type(ground, whose)
    for _ in range(4):
        an_export(limited, stranger)

    assert at_once(lambda: an_export(limited, service)) == 4


def test_an_import_takes_so_many_blocks(ground: Ground, service: Service):
    limited = tuned(ground, import_blocks=2)
    import_id = an_import(limited, service, numbered(1), numbered(1), status=Status.CONFIGURING)
    other_id = an_import(limited, service, status=Status.CONFIGURING)

    with pytest.raises(TooManyBlocks, match="takes up to 2 blocks: go on in another import"):
        receive_block(limited, service, import_id, [numbered(1)])

    assert receive_block(limited, service, other_id, [numbered(1)]) == 1
    assert len(block_files(ground, import_id)) == 2


def test_of_many_blocks_at_once_so_many_are_taken(ground: Ground, service: Service):
    limited = tuned(ground, import_blocks=3)
    import_id = an_import(limited, service, status=Status.CONFIGURING)

    assert at_once(lambda: receive_block(limited, service, import_id, [numbered(1)])) == 3

    assert get_import(ground, service, import_id).block_count == 3
    assert len(block_files(ground, import_id)) == 3


def test_a_file_that_makes_too_many_blocks_is_rejected_and_nothing_of_it_applied(
    ground: Ground, service: Service
):
    an_item_type(ground, service)
    limited = tuned(ground, import_blocks=1)
    line = b'{"accountId":"1","text":"%s"}\n' % (b"x" * 1000)
    job = a_file_import(limited, service, line * 20_000)

    shown = job.work_off()

    assert (shown.view.status, shown.view.records_processed) == ("Rejected", 0)
    assert shown.view.reason.startswith("The file cannot be taken: An import takes up to 1 blocks")
    assert job.import_row().block_count == 1
