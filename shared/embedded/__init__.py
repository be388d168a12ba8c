"""Postgres and Redis from PyPI wheels, run as child processes on one machine and in tests."""
