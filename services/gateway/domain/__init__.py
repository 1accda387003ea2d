"""Pure rules: how the states of parts make the state of the whole."""
