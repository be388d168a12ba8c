"""What a user would pick instead, each a program of its own that runs in the bench's environment.

`python -m tests.benchmarks.peer.NAME FIRST CHANGED FOLDER DATABASE_URL REDIS_URL` writes the documents of two
files, one after the other, and prints the seconds that each took.
"""
