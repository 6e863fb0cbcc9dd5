"""Mail to people: how it is built, sent from the outbox, stopped, and looked at."""
