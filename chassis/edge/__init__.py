"""Generators of everything in front of the services: Envoy configuration, stubs, gRPC service config.

All of it comes from the contract (`chassis/contract.py`); where things listen comes from a `Topology`.
"""
