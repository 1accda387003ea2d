"""The comments of the contract as texts for people who read the reference."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from chassis.edge.lint import ROOT, declared

_SENTENCE = re.compile(r"(?s)(.+?[.!?])(?:\s+(?=[A-Z0-9`(*])|$)")
_CLAUSE = re.compile(r"[:;,] ")
_CODE = re.compile(r"`([^`]+)`")
_SNAKE = re.compile(r"[a-z0-9]+(?:[_.][a-z0-9]+)*")
_AS = re.compile(r"\bas `([^`]+)`")

LONGEST_SUMMARY = 80
"""Characters. Longer ones don't fit the line of an operation on the page."""


@dataclass(frozen=True)
class Comments:
    """Comments by the full name of what they stand on; of enum values, by enum and value."""

    texts: dict[str, str]
    json_names: dict[str, str]
    """Declared name to JSON name of every field of the contract that has two."""

    def of(self, name: str, *, declared_names: bool = False) -> str:
        """The comment, one line a paragraph. Fields it names are spelled as in JSON unless `declared_names`."""
        text = self.texts.get(name, "")
        return text if declared_names else _CODE.sub(self._in_json, text)

    def summary(self, name: str, *, declared_names: bool = False) -> tuple[str, str]:
        """The first sentence as plain text, and the rest; of a long one its beginning, and all of it."""
        text = self.of(name, declared_names=declared_names)
        found = _SENTENCE.match(text)
        first = found[1] if found else text
        rest = text[len(first) :].strip()
        if len(first) > LONGEST_SUMMARY:
            first, rest = _CLAUSE.split(first, maxsplit=1)[0], text
        return first.rstrip(".").replace("`", ""), rest

    def example(self, name: str) -> str:
        """What the comment gives as an example, by the words as `…`; empty when it gives none."""
        found = _AS.search(self.texts.get(name, ""))
        return found[1] if found else ""

    def _in_json(self, found: re.Match[str]) -> str:
        if not _SNAKE.fullmatch(found[1]):
            return found[0]
        return "`" + ".".join(self.json_names.get(part, part) for part in found[1].split(".")) + "`"


def read_comments(files: FileDescriptorSet) -> Comments:
    """The comments of our files and those they import. The descriptors must carry source info."""
    texts: dict[str, str] = {}
    names: dict[str, str] = {}
    for file in files.file:
        lines = {tuple(at.path): _paragraphs(at.leading_comments) for at in file.source_code_info.location}
        for path, name in declared(file):
            texts[f"{file.package}.{name}"] = lines.get(path, "")
        if file.name.startswith(ROOT):
            names.update(_json_names(file))
    return Comments(texts, names)


def sentences(parts: Iterable[str]) -> str:
    """The parts that say something, each a paragraph."""
    return "\n\n".join(part for part in parts if part)


def _paragraphs(comment: str) -> str:
    """A comment with one line for each paragraph, a blank line between them."""
    paragraphs = re.split(r"\n[ \t]*\n", comment.strip())
    return "\n\n".join(" ".join(line.strip() for line in paragraph.splitlines()) for paragraph in paragraphs)


def _json_names(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    waiting = list(file.message_type)
    while waiting:
        message = waiting.pop()
        waiting += message.nested_type
        yield from ((field.name, field.json_name) for field in message.field if field.name != field.json_name)
