"""Into a collection that holds ten million documents, beside an empty one."""

import statistics

import psycopg2

from tests.benchmarks.documents import blocks_of, flat_documents
from tests.benchmarks.figures import Figure, median_ratio
from tests.benchmarks.imports import rate_of
from tests.benchmarks.stack import BOTH, Stack, running_stack

THERE_BEFORE = 10_000_000

# Documents of the same shape as those imported, their ids behind and among them.
FILL = """
INSERT INTO documents (collection_id, documentid, properties)
SELECT c.id, 'contact-' || lpad(n::text, 10, '0') || '-x',
       jsonb_build_object('name', 'Contact number ' || n, 'address', n %% 997 || ', Harbour Street',
                          'phone', '1-555-' || n %% 10000, 'email', 'contact' || n || '@example.org',
                          'active', n %% 3 = 0, 'visits', n %% 1013)
  FROM collections c, generate_series(1, %s) n
 WHERE c.path = %s
"""


def large_figures(*, documents: int, repeats: int) -> list[Figure]:
    with running_stack(workers=1) as stack:
        full = stack.new_collection()
        with psycopg2.connect(stack.description["database_url"]) as connection, connection.cursor() as cursor:
            cursor.execute(FILL, (THERE_BEFORE, full))
        stack.settle()
        empty_rates, full_rates = [], []
        for repeat in range(repeats):
            empty_rates.append(_rate(stack, stack.new_collection(), documents, repeat))
            full_rates.append(_rate(stack, full, documents, repeat))
    return [
        Figure(
            case=f"into a collection of {THERE_BEFORE:,} documents",
            value=median_ratio(full_rates, empty_rates),
            unit="of an empty one",
            at_least=0.7,
            note=f"{statistics.median(full_rates):,.0f} beside {statistics.median(empty_rates):,.0f}"
            " documents a second",
        )
    ]


def _rate(stack: Stack, collection: str, documents: int, repeat: int) -> float:
    new = flat_documents(documents, first=repeat * documents)
    return rate_of(stack.run_import(stack.prepare_import(collection, BOTH, blocks_of(new))), documents)
