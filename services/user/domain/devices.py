"""What is remembered of where a person signed in, so that they recognise it in the list of their sessions."""

from dataclasses import dataclass

MAX_USER_AGENT = 256
"""Characters. Browsers send some 120; the rest is nobody's business and costs a row."""
MAX_ADDRESS = 64
"""Characters. An IPv6 address with an IPv4 part and a zone has fewer."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where a session was begun."""

    user_agent: str = ""
    """What the client calls itself; empty when it says nothing."""
    ip_address: str = ""
    """Empty when it isn't known."""


def device(user_agent: object, ip_address: str) -> Device:
    """A device by what its call says. user_agent: a header, of which only printable text counts."""
    text = user_agent if isinstance(user_agent, str) else ""
    printable = "".join(character for character in text if character.isprintable()).strip()
    return Device(printable[:MAX_USER_AGENT], ip_address[:MAX_ADDRESS])
