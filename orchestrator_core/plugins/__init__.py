"""The plugins of this installation and the result of loading each.

- ``discovery`` finds every entry point without importing anything.
- ``loader`` decides which plugins to import, and imports them.
- ``contract`` checks a class against the hook specs.
- ``record`` has the facts about one plugin.
- ``migrations`` has the migrations of a plugin's own tables.
- ``hooks`` is the only module that calls a loaded plugin.
"""
