"""From ``conf/*.toml`` and the environment to validated settings.

``source`` reads (``text``: the encoding), ``resolve`` types what the environment gives, ``schema`` checks, ``faults`` words what is wrong, ``model`` is what comes out,
``load`` puts them together. ``secrets`` keeps credentials out of sight, ``paths`` lets relative
ones start at the file, ``deadlines`` has the defaults, ``snapshot`` what is in force.
"""
