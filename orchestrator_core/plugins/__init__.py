"""Which plugins exist, and what became of each.

``discovery`` finds every entry point without importing anything, ``loader`` decides
and imports, ``contract`` holds a class against the hook specs, ``record`` is what is known of
one plugin, ``migrations`` are those of its own tables, ``hooks`` is the only way into a loaded one.
"""
