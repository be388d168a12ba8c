"""Blocks as bytes: one contract (`shared.storage.contract`), one module a kind of storage."""
