"""Configured clouds and backends: their hooks, threads and deadlines.

``bulkhead`` separates the calls of one cloud from those of all others. ``driver`` is the typed
interface to its plugin. ``cloud`` combines the two, and ``backend`` does the same for an
assignment backend. ``extensions`` run before and after every call. ``registry`` finds clouds and
backends by name, and ``build`` creates all of them from the settings.
"""
