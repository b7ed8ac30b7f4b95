"""Ids that name another object if a plugin puts them into a URL unescaped."""

from __future__ import annotations


def strange_ids(some_id: str) -> list[str]:
    """Return ids that differ from one id only by characters with a meaning in URLs.

    No object has one of these ids. A client that does not escape such an id requests the object
    with the original id, or a neighbour. The ids contain the delimiters of RFC 3986 (section 2.2),
    dot segments (5.2.4) and percent-encodings (2.1), which a second decoding would resolve.

    Args:
        some_id: The id of an object that exists.
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
