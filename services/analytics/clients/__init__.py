"""Ports of the analytics service to other services."""
