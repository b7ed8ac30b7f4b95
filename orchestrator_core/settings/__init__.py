"""From ``conf/*.toml`` and the environment to validated settings.

``source`` reads, ``schema`` checks, ``faults`` words what is wrong, ``model`` is what
comes out, ``secrets`` keeps credentials out of sight, ``load`` puts them together.
"""
