"""The base of the tests' made-up providers: six items on three pages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from any_host import Reply, Request

ALL = [f"id-{number}" for number in range(1, 7)]
_LAST = 3
_MANY = 99


class FailsNow(Exception):
    pass


@dataclass
class Cloud:
    """Six items on three pages.

    Attributes:
        mode: ``whole``, or the fault. ``fails`` and ``bare``: from the second page on, with an
            error or without the list. ``empty``: without the list from the first page on.
            ``repeats``: always the first page; ``stuck``: at the second. ``shifts``: a page
            begins with the last item of the one before. ``slow``.
        seen: the requests.
    """

    mode: str = "whole"
    seen: list[Request] = field(default_factory=list)

    def page(self, number: int) -> list[str]:
        if number > 1 and self.mode == "fails":
            raise FailsNow
        if number > 1 and self.mode == "repeats":
            return ALL[:2]
        begin = 2 * (number - 1)
        overlap = 1 if number > 1 and self.mode == "shifts" else 0
        return ALL[begin - overlap : begin + 2]

    def after(self, number: int) -> int | None:
        if self.mode == "stuck":
            return 2
        return number + 1 if self.mode == "repeats" or number < _LAST else None

    @property
    def last(self) -> int:
        return _MANY if self.mode in ("repeats", "stuck") else _LAST

    def named(self, key: str, number: int, make: Callable[[str], Any]) -> dict[str, Any]:
        items = [make(one) for one in self.page(number)]
        bare = self.mode == "empty" or (number > 1 and self.mode == "bare")
        return {} if bare else {key: items}


Api = Callable[[Cloud, Request], Reply]


def answering(cloud: Cloud, api: Api) -> Callable[[Request], Reply]:
    def answer(request: Request) -> Reply:
        cloud.seen.append(request)
        if cloud.mode == "slow":
            time.sleep(0.25)
        try:
            return api(cloud, request)
        except FailsNow:
            return Reply(b'{"error": "down", "message": "down", "errors": []}', 500)

    return answer


def in_json(value: Any, *headers: tuple[str, str]) -> Reply:
    return Reply(
        json.dumps(value).encode(), headers=(("Content-Type", "application/json"), *headers)
    )


def in_xml(text: str) -> Reply:
    return Reply(text.encode(), headers=(("Content-Type", "text/xml"),))
