"""A stand-in for customers' banks: account statements as files, as a bank or a treasury system drops them."""
