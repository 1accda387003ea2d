"""The one Lua filter: refuses bad REST requests in our words, and sets the HTTP status of REST answers.

Its source is the Lua files beside this one and the tables that are made from the contract.
"""

from pathlib import Path

from chassis.contract import Contract, Method
from chassis.edge.envoy_types import LUA, Json, extension, typed
from chassis.edge.lua_tables import lua_tables, to_lua
from chassis.edge.topology import Topology

MODULES = ("json", "problems", "values", "bodies", "schema", "routes", "requests")
"""Lua files, each of which may use those before it by their names."""
_FOLDER = Path(__file__).parent


def lua_source(contract: Contract) -> str:
    """The whole source."""
    parts = [f"local tables = {to_lua(lua_tables(contract))}\n"]
    # A function around each: Lua has room for 200 local names in one.
    parts += [f"local {name} = (function()\n{_read(name)}end)()\n" for name in MODULES]
    return "\n".join([*parts, _read("answers")])


def lua_filter(contract: Contract, topology: Topology) -> Json:
    """The filter. Must stand before the transcoder, which looks the route up anew, and after what limits callers."""
    source = {"filename": str(topology.lua)} if topology.lua else {"inline_string": lua_source(contract)}
    return extension(LUA, "extensions.filters.http.lua.v3.Lua", default_source_code=source, clear_route_cache=False)


def route_context(method: Method) -> Json:
    """Per-route config on a gRPC path: the status of a success, and the field that is the body over REST."""
    context: Json = {}
    if method.policy.success_status:
        context["success_status"] = method.policy.success_status
    bodies = {binding.body for binding in method.http}
    fields = method.descriptor.input_type.fields_by_name
    if len(bodies) == 1 and (body := bodies.pop()) in fields:
        context["body"] = fields[body].json_name
    return {LUA: typed("extensions.filters.http.lua.v3.LuaPerRoute", filter_context=context)} if context else {}


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text()
