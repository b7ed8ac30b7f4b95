"""Lacks the one required hook."""


class Driver:
    """Implements nothing."""
