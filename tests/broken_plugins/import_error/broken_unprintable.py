"""Fails with an error that cannot even be printed."""


class Unprintable(Exception):
    """Raises again when it is asked what it says."""

    def __str__(self) -> str:
        raise SystemExit("not to be read")


raise Unprintable
