"""HTTP path templates of `google.api.http`: parsing, regular expressions, collisions.

Envoy doesn't notice two templates that match one path; it answers 404 on both. So we do.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\{(?P<variable>[A-Za-z_][\w.]*)(?:=(?P<inner>[^{}]+))?\}|(?P<plain>[^/{}]+)")
_REGEX = {"*": "[^/]+", "**": ".*"}


class TemplateError(Exception):
    """A path template that `google.api.http` doesn't allow."""


@dataclass(frozen=True)
class Template:
    """A parsed path template."""

    text: str
    segments: tuple[str, ...]
    """Literals, `*` (one segment) and `**` (any number of segments, last only)."""
    variables: tuple[str, ...]
    """Field paths bound by the template, as `workout_id` or `workout.id`."""
    custom_verb: str
    """What follows the last colon, as `import`; empty without one."""

    @property
    def regex(self) -> str:
        """Matches the whole path as the transcoder does: a slash or a verb that is empty is nothing to it."""
        path = "".join("/" + _REGEX.get(each, re.escape(each)) for each in self.segments)
        if self.custom_verb:
            return f"{path}/?:{re.escape(self.custom_verb)}"
        return re.sub(r"\[\^/\]\+$", "[^/:]+", path) + "/?:?"

    def overlaps(self, other: "Template") -> bool:
        """Whether some path matches both."""
        return self.custom_verb == other.custom_verb and _overlap(self.segments, other.segments)


def parse_template(text: str) -> Template:
    """Parses a path template. Raises TemplateError."""
    if not text.startswith("/") or text == "/":
        raise TemplateError(f"{text!r} must start with / and name something")
    path, verb = text[1:], ""
    last = path.rpartition("/")[2] if "}" not in path else path.rpartition("}")[2]
    if ":" in last:
        path, _, verb = path.rpartition(":")
    segments: list[str] = []
    variables: list[str] = []
    position = 0
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            raise TemplateError(f"{text!r} can't be read at {path[position:]!r}")
        if match["variable"]:
            variables.append(match["variable"])
            segments.extend((match["inner"] or "*").split("/"))
        else:
            segments.append(match["plain"])
        position = match.end()
        if position < len(path):
            if path[position] != "/" or position + 1 == len(path):
                raise TemplateError(f"{text!r} can't be read at {path[position:]!r}")
            position += 1
    if "**" in segments[:-1]:
        raise TemplateError(f"{text!r}: ** may stand only at the end")
    if len(set(variables)) != len(variables):
        raise TemplateError(f"{text!r} binds a field twice")
    return Template(text, tuple(segments), tuple(variables), verb)


def _overlap(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    if left[:1] == ("**",) or right[:1] == ("**",):
        return True
    if not left or not right:
        return not left and not right
    heads_meet = left[0] == right[0] or "*" in (left[0], right[0])
    return heads_meet and _overlap(left[1:], right[1:])
