"""What the audit service needs of the world outside its database."""
