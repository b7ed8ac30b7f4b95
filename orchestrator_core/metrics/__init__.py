"""Measurements of all processes of one server, in files that any of them can add up.

- ``catalogue`` lists every metric.
- ``meter`` is what the core calls; without metrics it drops what it is told.
- ``recording`` writes measurements into the files of this process, and ``slots`` numbers those.
- ``scrape`` adds the files up.
"""
