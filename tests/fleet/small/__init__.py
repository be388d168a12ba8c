"""A small fleet with all that a fleet can have besides: a store of its own, mails, metrics and traces."""
