"""The fleet of docker/compose.yaml, with real containers that come and go. Skipped without Docker."""
