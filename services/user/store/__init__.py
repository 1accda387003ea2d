"""Tables and statements of the user service; the only SQL in it."""
