"""The workout service: the training log and the exercise library."""
