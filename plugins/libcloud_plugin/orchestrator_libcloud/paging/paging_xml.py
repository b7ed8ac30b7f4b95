"""Rules for the pages of APIs that use XML."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from orchestrator_core import InvalidAnswer
from orchestrator_libcloud.paging.paging import More, Rule, cut_short, query

_AMAZON: Final = "libcloud.compute.drivers.ec2"


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _is_xml(page: Any) -> bool:
    return hasattr(page, "iter") and hasattr(page, "tag")


def _text(page: Any, name: str) -> str:
    found = (child.text for child in page if _name(child) == name)
    return next(found, None) or ""


class XmlPages(Rule):
    """Pages whose items are children of the root."""

    def items(self, page: Any) -> Any:
        """Return the content of all items of a page."""
        if not _is_xml(page):
            return []
        parts = (part for item in self.elements(page) for part in item.iter())
        return [(part.tag, part.text, *part.items()) for part in parts]

    def elements(self, page: Any) -> Iterator[Any]:
        """Yield the items of a page."""
        yield from (child for child in page if _name(child) not in ("link", "totalSize"))

    def join(self, whole: Any, page: Any) -> None:
        """Add the items of a page to those of the first."""
        whole.extend(list(self.elements(page)))


class Amazon(XmlPages):
    """Amazon and EC2-compatible clouds: ``nextToken``; an empty page may have one too."""

    def elements(self, page: Any) -> Iterator[Any]:
        """Yield the items of a page, which are in sets below the root."""
        yield from (item for part in page for item in part)

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Follow the token.

        Raises:
            InvalidAnswer: the page has no set of instances where the driver searches for it. The
                driver would read such a page as a cloud without instances.
        """
        if not _is_xml(page):
            return None
        wanted = f"{{{sys.modules[_AMAZON].NAMESPACE}}}reservationSet"
        if _name(page) == "DescribeInstancesResponse" and page.find(wanted) is None:
            raise InvalidAnswer("The cloud's answer has no list of instances")
        token = _text(page, "nextToken")
        return More({"NextToken": token}) if token else None

    def join(self, whole: Any, page: Any) -> None:
        """Add to each set of the first page the same set of this page."""
        sets = {part.tag: part for part in whole}
        for part in page:
            if part.tag in sets:
                sets[part.tag].extend(list(part))
            elif len(part):
                whole.append(part)


class Alibaba(Amazon):
    """Alibaba: ``TotalCount`` with ``PageNumber``, 10 items a page; ``NextToken`` for sizes."""

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Count if there is a count, else follow the token."""
        total, size = _text(page, "TotalCount"), _text(page, "PageSize")
        if not total.isdecimal() or not size.isdecimal():
            token = _text(page, "NextToken")
            return More({"NextToken": token}) if token else None
        if asked * int(size) >= int(total):
            return None
        if not self.items(page):
            raise cut_short()
        return More({"PageNumber": asked + 1, "PageSize": size})

    def finish(self, whole: Any, answer: Any) -> Any:
        """Return the first answer, changed so that the driver requests no further page."""
        for child in whole:
            if _name(child) == "TotalCount":
                child.text = "0"
        return answer


class Mcp(XmlPages):
    """Dimension Data and NTT: ``pageNumber``, 250 items a page, from the root's attributes."""

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Continue after a full page."""
        here, size = page.get("pageCount", ""), page.get("pageSize", "")
        if not here.isdecimal() or not size.isdecimal() or int(here) < int(size):
            return None
        if not self.items(page):
            raise cut_short()
        return More({"pageNumber": int(page.get("pageNumber", asked)) + 1})

    def finish(self, whole: Any, answer: Any) -> Any:
        """Return the first answer, changed so that the driver expects no other page."""
        if whole.get("pageCount") is not None:
            whole.set("pageCount", "0")
        return answer


class Abiquo(XmlPages):
    """Abiquo: a link ``next`` on the page, 25 items a page."""

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Follow the link."""
        links = [link for link in page if _name(link) == "link"] if _is_xml(page) else []
        found = (link.get("href") for link in links if link.get("rel") == "next")
        link = next(found, None)
        return More(query(link)) if link else None

    def finish(self, whole: Any, answer: Any) -> Any:
        """Refuse a list with fewer items than its total."""
        total = _text(whole, "totalSize") if _is_xml(whole) else ""
        if total.isdecimal() and int(total) > len(list(self.elements(whole))):
            raise cut_short()
        return answer
