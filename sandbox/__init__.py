"""Local stand-ins for the outside systems; they meet the product on the wire only."""
