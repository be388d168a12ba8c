"""Bytes to instructions, streaming: one module a format."""
