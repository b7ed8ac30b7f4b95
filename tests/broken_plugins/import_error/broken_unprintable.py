"""A plugin whose import fails with an error that cannot be printed."""


class Unprintable(Exception):
    """An exception that raises again when it is converted to text."""

    def __str__(self) -> str:
        raise SystemExit("not to be read")


raise Unprintable
