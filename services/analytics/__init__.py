"""The analytics service: what training adds up to."""
