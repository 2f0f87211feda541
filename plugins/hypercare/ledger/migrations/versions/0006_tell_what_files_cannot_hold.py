"""Tell of pulls that files cannot bring.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BEFORE = "published, fault, refused"


def upgrade() -> None:
    """Say in the column's comment what it may hold."""
    op.alter_column("pulls", "outcome", existing_type=sa.String, comment=f"{BEFORE}, not held", existing_comment=BEFORE)


def downgrade() -> None:
    """Say what it held before."""
    op.alter_column("pulls", "outcome", existing_type=sa.String, comment=BEFORE, existing_comment=f"{BEFORE}, not held")
