"""The ground: what both doors and the workers stand on. Knows no HTTP and no task runner."""
