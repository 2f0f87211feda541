"""Alembic's entry: runs the migrations on the URL that hypercare.ledger.database.migrate hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from hypercare.ledger.tables import metadata

LOCK = 7308613708411
"""Advisory lock: two components that start together migrate one after the other. It goes with the connection."""

# Without a pool, so that the lock is given back also where a migration fails.
engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
with engine.connect() as connection:
    connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
