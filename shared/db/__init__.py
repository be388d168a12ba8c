"""The only home of SQL. Functions take a session and never commit: the use case's `begin()` does."""
