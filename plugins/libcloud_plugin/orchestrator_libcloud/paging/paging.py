"""Fetches the rest of a list: asks for page after page and puts them together.

A driver sends a request for a list and reads its answer. Between the two sits :class:`Pager`,
which asks again by the rule of the provider's API for as long as there is more, and hands the
driver one answer with everything in it. So whatever the driver makes of a list's items, it makes
of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from orchestrator_core import CloudError, NonsenseAnswer

_PARAMS_PLACE: Final = 1


@dataclass(frozen=True, slots=True)
class More:
    """What to ask for next.

    Attributes:
        params: parameters to add to those of the first request.
        action: the path, where it is another one.
    """

    params: Mapping[str, Any]
    action: str | None = None


class Rule:
    """How the lists of one API go on. This one knows nothing: every answer is a whole list."""

    def start(
        self, request: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of the first request; the driver's own, unless they must differ."""
        return args, kwargs

    def read(self, answer: Any) -> Any:
        """Return the page that a driver's request was answered with."""
        return answer.object

    def items(self, page: Any) -> Any:
        """Return what stands on a page; two pages with the same are one page come twice."""
        return page

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Say what comes next.

        Args:
            page: the page that came last.
            answer: the driver's answer object that it came in.
            asked: how many pages have come so far.
        """
        return None

    def join(self, whole: Any, page: Any) -> None:
        """Put the items of a further page behind those of the first."""

    def finish(self, whole: Any, answer: Any) -> Any:
        """Return the answer for the driver, which must not go looking for more itself.

        Raises:
            CloudError: when there is more that cannot be fetched.
        """
        return answer

    def again(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], more: More
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a first request's arguments as those of a further one."""
        args, kwargs = tuple(args), dict(kwargs)
        if more.action is not None:
            args = (more.action, *args[1:])
        if len(args) > _PARAMS_PLACE:
            params = {**(args[_PARAMS_PLACE] or {}), **more.params}
            return (*args[:_PARAMS_PLACE], params, *args[_PARAMS_PLACE + 1 :]), kwargs
        kwargs["params"] = {**(kwargs.get("params") or {}), **more.params}
        return args, kwargs


class ListStopped(BaseException):
    """The end of a list call by a request that failed.

    No ``Exception``: drivers catch those and go on with a shorter list, or an emptier item.

    Attributes:
        error: what the request raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Pager:
    """Stands before a driver's method that sends requests, for the time of one list call.

    Args:
        rule: how the API's lists go on.
        request: the driver's method.
        spares: takes an error and the path of its request; says whether the list is whole without
            the answer.

    Attributes:
        pages: the most pages that one list of the call came in.
        passed_over: refusals without which the list is whole.
    """

    def __init__(
        self,
        rule: Rule,
        request: Callable[..., Any],
        spares: Callable[[Exception, str], bool] = lambda *_: False,
    ) -> None:
        self._rule = rule
        self._request = request
        self._spares = spares
        self.pages = 0
        self.passed_over: list[Exception] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Send the driver's request, and those for the rest; return one answer.

        Raises:
            ListStopped: when a request fails and the list is not whole without its answer.
        """
        try:
            return self._whole(args, kwargs)
        except Exception as error:
            if self._spares(error, _path(args, kwargs)):
                self.passed_over.append(error)
                raise
            raise ListStopped(error) from error

    def _whole(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        rule = self._rule
        args, kwargs = rule.start(self._request, args, kwargs)
        first = answer = self._request(*args, **kwargs)
        whole = page = rule.read(first)
        seen: set[str] = set()
        count = 1
        while (more := rule.more(page, answer, count)) is not None:
            self._notice(seen, f"{more.action} {sorted(more.params.items())}")
            if count == 1:
                self._notice(seen, _print(rule.items(page)))
            next_args, next_kwargs = rule.again(args, kwargs, more)
            answer = self._request(*next_args, **next_kwargs)
            page = rule.read(answer)
            self._notice(seen, _print(rule.items(page)))
            rule.join(whole, page)
            count += 1
        self.pages = max(self.pages, count)
        return rule.finish(whole, first)

    @staticmethod
    def _notice(seen: set[str], what: str) -> None:
        if what and what in seen:
            raise NonsenseAnswer("The cloud repeats a page of its list, which cannot be got whole")
        seen.add(what)


def _path(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return str(args[0] if args else kwargs.get("action", ""))


def _print(items: Any) -> str:
    # Empty pages are all alike.
    return repr(items) if items else ""


def query(link: str) -> dict[str, str]:
    """Return the parameters of a link to the next page."""
    return dict(parse_qsl(urlsplit(link).query))


def cut_short() -> CloudError:
    """Return the error for a list that has more than can be fetched."""
    return CloudError("The cloud has more of this list than it gave, which cannot be got whole")
