"""The domain services, a folder each. No service imports another."""
