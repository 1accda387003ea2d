"""Handlers of the events that the audit service hears: all of them."""
