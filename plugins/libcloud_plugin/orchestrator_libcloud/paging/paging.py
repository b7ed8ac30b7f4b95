"""Pager, which fetches the rest of a list page by page and joins the pages.

A driver sends a request for a list and reads its answer. Between the two is :class:`Pager`. It
requests further pages by the rule of the provider's API, as long as there are more, and passes one
answer with all items to the driver. So the driver converts all items in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from orchestrator_core import CloudError, InvalidAnswer

_PARAMS_PLACE: Final = 1


@dataclass(frozen=True, slots=True)
class More:
    """The next page to request.

    Attributes:
        params: the parameters to add to those of the first request.
        action: the path, if it is a different one.
    """

    params: Mapping[str, Any]
    action: str | None = None


class Rule:
    """Rule for the next pages of one API's lists. The base class takes all answers as complete."""

    def start(
        self, request: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of the first request: the driver's own, unless they must differ."""
        return args, kwargs

    def read(self, answer: Any) -> Any:
        """Return the page in the answer to a driver's request."""
        return answer.object

    def items(self, page: Any) -> Any:
        """Return the items of a page; two pages with the same items are one page received twice."""
        return page

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Return what to request next.

        Args:
            page: the page that was received last.
            answer: the driver's answer object of that page.
            asked: the number of pages received so far.
        """
        return None

    def join(self, whole: Any, page: Any) -> None:
        """Append the items of a further page to those of the first."""

    def finish(self, whole: Any, answer: Any) -> Any:
        """Return the answer for the driver, which must not fetch more pages itself.

        Raises:
            CloudError: the list continues, but the rest cannot be fetched.
        """
        return answer

    def again(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], more: More
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a first request's arguments as those of a further request."""
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

    It is not an ``Exception``: drivers catch those and continue with a shorter list, or an emptier
    item.

    Attributes:
        error: the error of the request.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Pager:
    """Pager in front of a driver's request method, for the time of one list call.

    Args:
        rule: the rule for the next pages of the API's lists.
        request: the driver's method.
        spares: takes an error and the path of its request; returns whether the list is complete
            without the answer.

    Attributes:
        pages: the largest number of pages of one list in the call.
        passed_over: the refusals without which the list is complete.
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
            ListStopped: a request fails and the list is not complete without its answer.
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
            raise InvalidAnswer(
                "The cloud repeats a page of its list, so the list would be incomplete"
            )
        seen.add(what)


def _path(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return str(args[0] if args else kwargs.get("action", ""))


def _print(items: Any) -> str:
    # All empty pages look the same, so they cannot be recognised as repeated.
    return repr(items) if items else ""


def query(link: str) -> dict[str, str]:
    """Return the parameters of a link to the next page."""
    return dict(parse_qsl(urlsplit(link).query))


def cut_short() -> CloudError:
    """Return the error for a list whose rest cannot be fetched."""
    return CloudError("The cloud has more of this list than it returned, so the list is incomplete")
