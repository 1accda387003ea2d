"""No fork handlers of gRPC in test processes; loaded before grpc is.

Tests start servers under other users, which forks, and the handlers don't survive that while gRPC is busy.
"""

import os

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
