"""Rules of registration, sign-in and sessions: pure, so that they are tested without a server."""
