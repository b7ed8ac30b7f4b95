"""Parsing of a database's URL, which reports its faults before the first connection.

No message repeats the URL, which may contain a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.faults import nearest

FORM: Final = "must be sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE"

MISSING_DRIVER: Final = (
    "PostgreSQL needs the driver psycopg, which is not installed; install it: "
    "pip install 'vm-orchestrator[postgresql]'"
)

_DRIVERS: Final = {
    "sqlite": ("sqlite", "sqlite+pysqlite"),
    "postgresql": ("postgresql", "postgresql+psycopg"),
}

_BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")

_PORTS: Final = range(1, 65536)

_INTEGERS: Final = (
    "connect_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
)
"""Integer options that libpq reads only after it has connected."""

_NOWHERE: Final = "/nonexistent/orchestrator"
"""A folder without a server's socket: libpq examines the options but connects to no server."""


def parse_url(text: str, base: Path) -> URL:
    """Return a database's URL; the path of an SQLite file is relative to ``base``.

    Raises:
        SettingsError: The URL cannot be used; the message says what is wrong in it.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsError(FORM) from None
    kind = url.get_backend_name()
    if kind not in _DRIVERS:
        raise SettingsError(FORM)
    if url.drivername not in _DRIVERS[kind]:
        raise SettingsError(f"{FORM}; {url.drivername!r} is not supported")
    return _sqlite(url, base) if kind == "sqlite" else _postgresql(url, text)


def _sqlite(url: URL, base: Path) -> URL:
    if url.username or url.password or url.host or url.port is not None:
        raise SettingsError(f"{FORM}; an absolute path has four slashes: sqlite:////PATH")
    if not url.database or url.database == ":memory:":
        raise SettingsError(f"{FORM}; a database in memory cannot be shared by processes")
    if "\0" in url.database:
        raise SettingsError("names a file with a NUL character in its name")
    if url.query:
        raise SettingsError(f"has options, but SQLite accepts none here: {_names(url)}")
    return url.set(drivername="sqlite", database=str(base / url.database))


def _postgresql(url: URL, text: str) -> URL:
    if _BAD_ESCAPE.search(text):
        raise SettingsError(
            'has a "%" without two hexadecimal digits after it; a percent sign itself is "%25"'
        )
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise SettingsError('has "%" codes that are not UTF-8') from None
    if not plain.isprintable():
        raise SettingsError("contains a control character")
    if url.port is not None and url.port not in _PORTS:
        raise SettingsError(f"has port {url.port}; a port is from 1 to 65535")
    url = url.set(drivername="postgresql+psycopg")
    _check_options(url)
    return url


def _check_options(url: URL) -> None:
    """Check that libpq knows every option and accepts its value.

    Raises:
        SettingsError: An option is unknown or has a wrong value, or the driver is not installed.
    """
    try:
        import psycopg  # noqa: PLC0415 - it is installed only where it is used
        from psycopg import conninfo  # noqa: PLC0415
    except ImportError:
        raise SettingsError(MISSING_DRIVER) from None
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    for name in url.query:
        if name not in known:
            raise SettingsError(
                f"has the option {name!r}, which PostgreSQL does not know{nearest(name, known)}"
            )
    try:
        _, options = url.get_dialect()().create_connect_args(url)
        conninfo.make_conninfo(**options)
    except (ArgumentError, ValueError, psycopg.Error) as error:
        raise SettingsError(f"has options that PostgreSQL refuses: {_one_line(error)}") from None
    for name in _INTEGERS:
        if name in options and not re.fullmatch(r"-?\d{1,9}", str(options[name])):
            raise SettingsError(f"has the option {name!r}, which must be a whole number")
    refusal = _refusal(options)
    if refusal != _refusal({}):
        raise SettingsError(f"has an option that PostgreSQL refuses: {refusal}")


def _refusal(options: Mapping[str, Any]) -> str:
    """Return libpq's error for these options in a place without a server."""
    from psycopg import conninfo, pq  # noqa: PLC0415

    here = {name: value for name, value in options.items() if name not in ("hostaddr", "port")}
    text = conninfo.make_conninfo(**{**here, "host": _NOWHERE, "port": 5432})
    connection = pq.PGconn.connect_start(text.encode())
    try:
        return _one_line(connection.get_error_message())
    finally:
        connection.finish()


def _names(url: URL) -> str:
    return ", ".join(sorted(url.query))


def _one_line(error: object) -> str:
    return str(error).strip().split("\n", 1)[0]
