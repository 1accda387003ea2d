"""What the audit service answers: one file per proto service, one method per RPC."""
