"""One configured cloud: its hooks, its threads, its deadline.

``bulkhead`` keeps the calls of one cloud apart from all others, ``driver`` is the typed way
into its plugin, ``cloud`` joins the two, ``backend`` does the same for an assignment backend,
``extensions`` stand around every call, ``registry`` knows clouds and backends by name and
``build`` makes them all from the settings.
"""
