"""From ``conf/*.toml`` and the environment to validated settings.

``source`` reads, ``text`` decodes, ``resolve`` gives the environment's values their types,
``schema`` checks, ``faults`` words what is wrong, ``model`` is what comes out, ``load`` puts them
together. ``secrets`` keeps credentials out of sight, ``files`` tells why a file cannot be used,
``paths`` lets relative ones start at the file, ``deadlines`` has the defaults, ``snapshot`` what is
in force.
"""
