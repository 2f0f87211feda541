"""Commands of the command line, one module for what belongs together; `cli` registers them."""
