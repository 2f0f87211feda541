"""Runs everything on one machine: the embedded PostgreSQL, the sandbox where wanted, and Airflow's components."""
