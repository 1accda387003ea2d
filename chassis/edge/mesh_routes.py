"""Routes of the mesh listener: gRPC between services, by authority, else by path.

No access control here: the service that is called knows its callers by their signed tokens.
"""

from collections.abc import Iterable, Iterator

from chassis.contract import Contract, Method
from chassis.edge.envoy_types import MESH_ROUTES, Json
from chassis.edge.policies import deadline, method_routes

OTHER_SECONDS = 3600.0
"""Deadline of paths that aren't in the contract: health checks and reflection, which may stream."""


def mesh_routes(contract: Contract) -> Json:
    """The route configuration of the mesh listener."""
    hosts = contract.hosts()
    methods = [contract.methods[path] for path in sorted(contract.methods)]
    everywhere = [method for method in methods if not method.host]
    virtual_hosts = [
        {
            "name": host,
            "domains": [f"{host}.mesh", f"{host}.mesh:*"],
            "include_request_attempt_count": True,
            "routes": [
                *_routes((*(method for method in methods if method.host == host), *everywhere), host),
                {
                    "name": "other",
                    "match": {"prefix": "/"},
                    "route": {"cluster": host, "idle_timeout": "0s"} | deadline(OTHER_SECONDS),
                },
            ],
        }
        for host in hosts
    ]
    virtual_hosts.append(
        {
            "name": "by_path",
            "domains": ["*"],
            "include_request_attempt_count": True,
            "routes": [route for host in hosts for route in _routes((m for m in methods if m.host == host), host)],
        }
    )
    return {"name": MESH_ROUTES, "virtual_hosts": virtual_hosts}


def _routes(methods: Iterable[Method], cluster: str) -> Iterator[Json]:
    for method in methods:
        for route in method_routes(method, cluster):
            yield {"name": method.path[1:], **route}
