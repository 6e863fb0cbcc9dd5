"""Talks: one module a feature. Its verbs stand on top, its routes beneath."""
