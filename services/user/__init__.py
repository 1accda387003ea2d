"""The user service: who people are and which sessions they have."""
