"""The one Lua filter (`answers.lua`): the HTTP status of REST answers. No other filter of Envoy can set it.

First in the chain, so it sees the finished answer. gRPC and gRPC-Web only lose the helper header.
"""

from pathlib import Path

from chassis.edge.envoy_types import LUA, Json, extension, typed

_SOURCE = Path(__file__).with_name("answers.lua").read_text()


def lua_filter() -> Json:
    """Sets the status of REST answers by `x-http-code`, else by the route's `success_status`."""
    return extension(LUA, "extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": _SOURCE})


def success_status(status: int) -> Json:
    """Per-route config on the gRPC path: the status of a success; nothing for 0, which means 200."""
    if not status:
        return {}
    return {LUA: typed("extensions.filters.http.lua.v3.LuaPerRoute", filter_context={"success_status": status})}
