"""`fitnesshub token`: an access token for a person of the local stack, issued by the user service itself."""

import os
from argparse import Namespace
from typing import Any

from embedded.home import find_home
from embedded.problems import EmbeddedError, NotRunningError
from embedded.state import load

DEFAULT_EMAIL = "local@fitnesshub.dev"
"""The local user, who is made when first asked for."""
TIMEOUT = 10.0
"""Seconds; a new user's password is hashed on the way."""


def token(arguments: Namespace) -> int:
    """Prints the token and nothing else."""
    print(issue(arguments.email, arguments.role))
    return 0


def issue(email: str, role: str | None, *, must_exist: bool = False) -> str:
    """An access token of the stack in FITNESSHUB_HOME. Raises EmbeddedError, as for unknown users who must exist."""
    home = find_home(os.environ)
    state = load(home)
    if state is None:
        raise NotRunningError(home.root)

    import grpc
    from fitnesshub.options.v1 import policy_pb2
    from fitnesshub.user.v1 import auth_service_pb2, auth_service_pb2_grpc

    from chassis.identity import ServiceTokenSource

    number = policy_pb2.Role.Value(f"ROLE_{role.upper()}") if role else policy_pb2.ROLE_UNSPECIFIED
    request = auth_service_pb2.IssueLocalSessionRequest(email=email, role=number, must_exist=must_exist)
    proof = ServiceTokenSource("cli", home.secrets / "service-cli.pem").token()
    options = [("grpc.default_authority", "user.mesh"), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(state.mesh, options=options) as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        try:
            session = stub.IssueLocalSession(request, timeout=TIMEOUT, metadata=(("x-fitnesshub-caller", proof),))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise EmbeddedError(f"there is no user {email}") from error
            raise EmbeddedError(f"the user service gives no token: {_words(error)}") from error
    return str(session.access_token)


def _words(error: Any) -> str:
    """What the service says, with the fields that it finds wrong."""
    from chassis.status import DETAILS_KEY, from_status

    trailers = dict(error.trailing_metadata() or ())
    failure = from_status(error.code().value[0], error.details() or "", trailers.get(DETAILS_KEY, b""))
    fields = "; ".join(f"{each.field} {each.description}" for each in failure.violations)
    return fields or failure.message or error.code().name
