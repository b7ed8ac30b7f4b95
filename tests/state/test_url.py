"""Errors in the database's URL: one sentence, without its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import SettingsError
from orchestrator_core.state.database import Database
from orchestrator_core.state.url import parse_url

AT = "postgresql://ann:open-sesame@127.0.0.1:5432/state"

WRONG = {
    f"{AT}?foo=bar": "has the option 'foo', which PostgreSQL does not know",
    f"{AT}?sslmod=require": 'did you mean "sslmode"',
    f"{AT}?autocommit=1": "has the option 'autocommit'",
    f"{AT}?plugin=x": "has the option 'plugin'",
    f"{AT}?sslmode=requir": 'invalid sslmode value: "requir"',
    f"{AT}?target_session_attrs=best": "invalid target_session_attrs value",
    f"{AT}?connect_timeout=soon": "'connect_timeout', which must be a whole number",
    f"{AT}?port=x": "has options that PostgreSQL refuses",
    f"{AT}?service=nowhere": "has an option that PostgreSQL refuses",
    AT.replace("5432", "99999"): "has port 99999; a port is from 1 to 65535",
    AT.replace("5432", "0"): "has port 0",
    AT.replace("5432", "x"): "must be sqlite:///PATH",
    AT.replace("sesame", "sesame%zz"): 'a percent sign itself is "%25"',
    AT.replace("sesame", "sesame%"): 'a percent sign itself is "%25"',
    AT.replace("sesame", "sesame%ff"): "not UTF-8",
    AT.replace("sesame", "sesame%00"): "control character",
    AT.replace("postgresql", "postgres"): "must be sqlite:///PATH",
    AT.replace("postgresql", "mysql"): "must be sqlite:///PATH",
    AT.replace("postgresql", "postgresql+pg8000"): "'postgresql+pg8000' is not supported",
    "sqlite+aiosqlite:///x.db": "is not supported",
    "sqlite://open-sesame@h/x.db": "an absolute path has four slashes",
    "sqlite:///x.db?mode=ro": "has options, but SQLite accepts none here: mode",
    "sqlite:///": "a database in memory",
    "sqlite:///a\0b.db": "NUL",
    "nonsense": "must be sqlite:///PATH",
    "": "must be sqlite:///PATH",
}


@pytest.mark.parametrize("url", WRONG, ids=range(len(WRONG)))
def test_a_wrong_url_is_told_in_one_sentence(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Database(url, tmp_path)
    assert WRONG[url] in refused.value.message
    assert "\n" not in refused.value.message
    assert "sesame" not in refused.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        AT,
        f"{AT}?sslmode=verify-full&application_name=x&target_session_attrs=read-write",
        AT.replace("sesame", "sesame%25%2F%40"),
        "postgresql+psycopg:///state?host=/var/run/postgresql",
        "postgresql://ann@/state?host=a:5432&host=b:5433",
    ],
)
def test_a_right_url_is_taken(tmp_path: Path, url: str) -> None:
    assert parse_url(url, tmp_path).drivername == "postgresql+psycopg"
