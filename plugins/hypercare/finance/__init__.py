"""The finance evidence of an engagement as one workbook: what stands in the ledger, its sheets, and the file."""
