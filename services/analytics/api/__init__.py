"""What the analytics service answers: one file per proto service, one method per RPC."""
