"""What the analytics service makes of events: one handler a kind of resource."""
