"""Alembic versions of the configstore's database, dated, one per change."""
