"""The database: engine, tenant filter, statements, migrations."""
