"""A client of the application, for what is fuzzed through it."""

from tests.contract.conftest import app, call

__all__ = ["app", "call"]
