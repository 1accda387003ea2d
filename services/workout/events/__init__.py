"""Handlers of the events that the workout service hears."""
