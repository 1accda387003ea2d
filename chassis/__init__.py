"""The microservice chassis: everything a FitnessHub service needs that isn't its domain."""
