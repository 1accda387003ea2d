"""Sagas: work over several services that ends whole or is undone, whatever dies in between."""
