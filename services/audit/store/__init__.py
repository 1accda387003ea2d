"""The tables of the audit service and the statements on them."""
