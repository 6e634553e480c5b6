"""Where Alembic looks for its environment."""
