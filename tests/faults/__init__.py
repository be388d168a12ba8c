"""Real processes, real faults: what the promises are worth."""
