"""The audit service: the event store, for good and for proof."""
