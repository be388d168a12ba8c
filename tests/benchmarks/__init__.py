"""`make bench`: how fast imports are, as ratios to plain COPY in the same run. Never part of the tests."""
