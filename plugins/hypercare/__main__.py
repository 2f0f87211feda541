"""`python -m hypercare`."""

from hypercare.cli import app

app()
