"""A plugin without the one required hook."""


class Driver:
    """A driver without hooks."""
