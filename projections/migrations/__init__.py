"""Alembic migrations of the views, run by runner.py; the alembic command line is never needed."""
