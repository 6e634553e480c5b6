"""Alembic versions of the gateway's database, dated, one per change."""
