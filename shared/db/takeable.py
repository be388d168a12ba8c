"""Which jobs a worker may take now, as conditions on their rows. Their parameters are those of `Bounds`.

Exports and large files cannot give way in the middle, as an import does between two blocks: so no data
service has more than a few of them at work, however many it has.
"""

# A smaller file is cut about as fast as a block is applied: a JSON list, the slowest, at 8 MB a second
# (one of two busy cores, 2026-11-25).
LARGE_FILE_BYTES = 16 * 1024 * 1024

NO_MAINTENANCE = "NOT EXISTS (SELECT FROM maintenance)"

LONG_JOBS_AT_WORK = f"""(
    SELECT count(*) FROM (
        SELECT FROM exports o
         WHERE o.service_id = {{service}} AND o.status IN ('canceling', 'processing')
           AND o.leased_until > clock_timestamp()
        UNION ALL
        SELECT FROM blocks o
         WHERE o.leasing_service_id = {{service}} AND o.number = 0 AND o.size_bytes > {LARGE_FILE_BYTES}
           AND o.leased_until > clock_timestamp()
    ) at_work
)"""  # noqa: S608 - of constants

_AT_WORK = """(
    SELECT count(*) FROM (
        SELECT FROM exports o
         WHERE o.service_id = {service} AND o.status IN ('canceling', 'processing')
           AND o.leased_until > clock_timestamp()
        UNION ALL
        SELECT FROM blocks o
         WHERE o.leasing_service_id = {service} AND o.leased_until > clock_timestamp()
    ) at_work
)"""

_SERVICE_HAS_ROOM = f"""
    (CAST(:service_workers AS integer) IS NULL OR {_AT_WORK} < :service_workers)
"""

# Of an export `e`: it waits, and there is room for it.
EXPORT_TAKEABLE = f"""
    e.status IN ('accepted', 'processing') AND e.due_at <= clock_timestamp()
    AND (e.leased_until IS NULL OR e.leased_until <= clock_timestamp())
    AND {LONG_JOBS_AT_WORK.format(service="e.service_id")} < :service_long_jobs
    AND {_SERVICE_HAS_ROOM.format(service="e.service_id")}
    AND {NO_MAINTENANCE}
"""

_BLOCK_IS_FREE = """
    b.due_at <= clock_timestamp() AND (b.leased_until IS NULL OR b.leased_until <= clock_timestamp())
"""

# Behind an import `i`: the block `b` that comes next, free or not; without a row where none is left. Blocks
# are applied in order, so that it is the first unfinished one, unless their order does not matter.
NEXT_BLOCK = f"""
  LEFT JOIN LATERAL (
      (SELECT 1 AS preference, b.* FROM blocks b
        WHERE NOT i.is_ordered AND b.import_id = i.id AND b.finished_at IS NULL AND {_BLOCK_IS_FREE}
        ORDER BY b.number LIMIT 1)
      UNION ALL
      (SELECT 2 AS preference, b.* FROM blocks b
        WHERE b.import_id = i.id AND b.finished_at IS NULL
        ORDER BY b.number LIMIT 1)
      ORDER BY preference LIMIT 1
  ) b ON true
"""  # noqa: S608 - of constants

# Of an import `i` and its next block `b`: it waits, and there is room for it.
IMPORT_TAKEABLE = f"""
    i.status IN ('resumed', 'running', 'started')
    AND (b.number IS NULL OR {_BLOCK_IS_FREE})
    AND (b.number IS NULL OR b.number > 0 OR b.size_bytes <= {LARGE_FILE_BYTES}
         OR {LONG_JOBS_AT_WORK.format(service="i.service_id")} < :service_long_jobs)
    AND (i.is_ordered
         OR (SELECT count(*) FROM blocks o
              WHERE o.leasing_service_id = i.service_id AND o.import_id = i.id
                AND o.leased_until > clock_timestamp()) < :import_workers)
    AND {_SERVICE_HAS_ROOM.format(service="i.service_id")}
    AND {NO_MAINTENANCE}
"""  # noqa: S608 - of constants

# One claim at a time for each data service, so that two cannot both find room for one more.
LOCK_SERVICE = "SELECT id FROM data_services WHERE id = :service_id FOR NO KEY UPDATE"
