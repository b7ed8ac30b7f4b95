"""The database: engine, tables and migrations. Imported only if ``[state]`` is configured."""
