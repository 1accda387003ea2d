"""The tables of the analytics service and the statements on them."""
