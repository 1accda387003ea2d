"""Handlers of the events that the user service hears."""
