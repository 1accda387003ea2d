"""One file per proto service."""
