"""Brings newly live customers safely out of hypercare: pulls, validates, measures, reconciles and judges."""
