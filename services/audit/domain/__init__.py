"""Rules of the chain and of sealing: pure functions."""
