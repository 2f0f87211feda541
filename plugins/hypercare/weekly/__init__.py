"""The weekly run, step by step: what Airflow's tasks and the command line both call.

discover -> [pull -> validate -> measure -> reconcile] a batch -> judge -> health. Each step reads what the one before
wrote to the ledger or the lake, so it can be repeated alone; a fault of one customer is recorded and stops nobody else.
"""
