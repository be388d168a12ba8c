"""Aggregates that collect values, made to weigh what they collect.

The server bounds what sorting and hashing take, and not what these hold: a join of two item types with
itself would be gigabytes in seconds. The function that keeps count is made in `reader_schema`; calling it
for each value would take longer than collecting, so it counts large values, and of the others one in 64.
"""

from typing import Any, cast

from pglast import ast, parse_sql
from pglast.stream import RawStream

from shared.db.queries.allowed import COLLECTING
from shared.db.queries.columns import SCHEMA
from shared.db.queries.nodes import words

_SIZE = "COALESCE(pg_catalog.pg_column_size({value}), 0)"
_CONDITION = f"""
SELECT CASE WHEN NOT COALESCE({{condition}}, false) THEN false
            WHEN {{size}} > 8192 THEN {SCHEMA}.weigh({{size}}, 1)
            WHEN pg_catalog.random() < 0.015625 THEN {SCHEMA}.weigh({{size}}, 64)
            ELSE true END
"""


def weigh(call: ast.FuncCall) -> None:
    """Have the call, if it collects, end the query where it is too much: a condition on what it takes."""
    if words(call.funcname)[-1] not in COLLECTING or not call.args:
        return
    size = " + ".join(_SIZE.format(value=RawStream()(value)) for value in call.args)
    condition = "true" if call.agg_filter is None else RawStream()(call.agg_filter)
    [target] = cast("Any", parse_sql(_CONDITION.format(condition=condition, size=size))[0].stmt).targetList
    call.agg_filter = target.val
