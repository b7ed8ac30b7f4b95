"""The migrations of the core's schema; Alembic runs them.

Old and new code may work on one schema during an upgrade. A change of the schema therefore takes
two releases: the first one adds (expand), and a later one removes what no release reads any more
(contract). Each migration names in ``oldest_reader`` the oldest schema whose code still works.
"""
