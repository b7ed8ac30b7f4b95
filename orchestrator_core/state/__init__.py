"""The database: engine, tables, migrations. Imported only where state is configured."""
