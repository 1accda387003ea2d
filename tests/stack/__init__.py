"""Real servers for tests: one PostgreSQL and one Valkey a test run, however many workers it has."""
