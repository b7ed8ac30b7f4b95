"""How the schema came about, step by step; Alembic runs it.

Old and new code may work on one schema during an upgrade, so that a change comes in two
releases: the first one adds (expand), and a later one takes away what nobody reads any
more (contract). Each migration says in ``oldest_reader`` which schema's code still works.
"""
