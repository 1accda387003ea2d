"""The only SQL of the workout service."""
