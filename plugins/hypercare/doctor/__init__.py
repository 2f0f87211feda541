"""Checks a whole set-up: facts are gathered, then judged, then shown, worst first."""
