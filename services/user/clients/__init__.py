"""What the user service needs from outside: password hashing and Redis."""
