"""How the tests' services are had, one module a way."""
