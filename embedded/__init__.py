"""The whole mesh on one machine: PostgreSQL, Valkey, Envoy and the services under one supervisor, from wheels."""
