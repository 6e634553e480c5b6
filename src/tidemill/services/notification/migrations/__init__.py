"""Alembic versions of the notification service's database, dated, one per change."""
