"""What every door shares of HTTP: admission, problem bodies, streams, health, description."""
