"""The RPCs of the user service: one file a proto service."""
