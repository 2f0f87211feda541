"""Alembic's entry: runs the migrations on the URL that hypercare.ledger.database.migrate hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text

from hypercare.ledger.tables import metadata

LOCK = 7308613708411
"""Advisory lock: two components that start together migrate one after the other."""

engine = create_engine(context.config.attributes["url"])
with engine.connect() as connection:
    connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": LOCK})
    connection.commit()
engine.dispose()
