"""Ids that are another thing's, once a plugin has put them into a URL as they are."""

from __future__ import annotations


def strange_ids(some_id: str) -> list[str]:
    """Return ids that differ from one id only by what a URL gives a meaning to.

    Each is a text of its own, and the id of nothing. A client that does not escape it asks for the
    thing with the id itself, or for something beside it. They hold the delimiters of RFC 3986,
    2.2, dot segments (5.2.4) and percent-encodings (2.1), which a second decoding would resolve.

    Args:
        some_id: of a thing that is there.
    """
    first, rest = some_id[0], some_id[1:]
    encoded = "".join(f"%{byte:02X}" for byte in first.encode())
    return [
        ".",
        "..",
        f"{some_id}?x",
        f"{some_id}?x=1&y",
        f"{some_id}#x",
        f"{some_id}/",
        f"{some_id}/x/..",
        f"x/../{some_id}",
        f"./{some_id}",
        f"{some_id};x",
        f"{some_id} ",
        f"{some_id}%3Fx",
        f"{some_id}%23x",
        f"{some_id}%2F",
        f"x%2F..%2F{some_id}",
        f"{some_id}%3Bx",
        f"{some_id}%20",
        f"{encoded}{rest}",
        f"%25{encoded[1:]}{rest}",
    ]
