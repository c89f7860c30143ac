"""One file per operation that a request may name; each has a function that takes (operation, release row)."""
