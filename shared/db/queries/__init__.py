"""SQL that clients write: checked with PostgreSQL's own grammar, rewritten, and run by a role of its own.

`checking` turns a client's text into a CheckedQuery and touches no database. `running` runs it.
`reader` and `reader_schema` make the role and the one view that it may read: what holds if all else fails.
"""
