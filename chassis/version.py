"""The one version number of FitnessHub's code; `pyproject.toml` repeats it and a test compares the two."""

VERSION = "0.1.0"
