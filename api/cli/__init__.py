"""The `longshore` command: the stack on one machine, its administration, and a client of the HTTP API."""
