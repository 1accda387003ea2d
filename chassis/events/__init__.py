"""Events from the outbox of one service to the handlers of others: relay, bus, consumers."""
