"""What `longshore doctor` looks at: each dependency by itself, and settings that do not fit each other."""
