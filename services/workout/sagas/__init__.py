"""Sagas that begin here: work over several services that ends whole or is undone."""
