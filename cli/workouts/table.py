"""A CSV file as rows with line numbers, whatever its encoding, separator and line ends are.

One row at a time is in memory, however long the file is.
"""

import codecs
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple

from cli.problems import Unusable

SEPARATORS = ",;\t"
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Spreadsheets write them; both apps write plain UTF-8."""
LONGEST_HEADER = 10_000
"""Characters: ten times what the longest known header has."""


class Row(NamedTuple):
    """One row, which may span several lines."""

    line: int
    """Where it begins, counted from 1."""
    cells: dict[str, str]
    """By column, without space around them. Empty when there is a problem."""
    problem: str = ""
    """Why the row can't be read."""


class Table:
    """An open file whose header has been read."""

    def __init__(self, raw: IO[bytes], text: TextIOWrapper, size: int) -> None:
        self._raw = raw
        self._text = text
        self.size = size
        """Bytes."""
        self._header_line, header = self._first_line()
        self.separator = max(SEPARATORS, key=header.count)
        self.columns = [name.strip().lower() for name in next(csv.reader([header], delimiter=self.separator), [])]
        """Names in lower case."""

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._raw.tell()

    def rows(self) -> Iterator[Row]:
        """The rows below the header; blank ones are left out. Raises Unusable when the text ends to be text."""
        # strict: a quote that is never closed would otherwise swallow rows without a word.
        reader = csv.reader(self._text, delimiter=self.separator, strict=True)
        while True:
            line = self._header_line + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(line, {}, f"not well-formed CSV: {error}")
                continue
            except UnicodeDecodeError:
                raise Unusable(f"it isn't {_named(self._text)} text after line {line - 1}") from None
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(self.columns):
                yield Row(line, {}, f"has {len(cells)} fields where the header has {len(self.columns)}")
                continue
            yield Row(line, dict(zip(self.columns, (cell.strip() for cell in cells), strict=True)))

    def _first_line(self) -> tuple[int, str]:
        number = 0
        try:
            while text := self._text.readline(LONGEST_HEADER):
                number += 1
                if text.strip():
                    return number, text
        except UnicodeDecodeError:
            raise Unusable(f"it isn't {_named(self._text)} text") from None
        raise Unusable("it is empty")


def _named(text: TextIOWrapper) -> str:
    return text.encoding.upper().removesuffix("-SIG")


@contextmanager
def open_table(file: Path) -> Iterator[Table]:
    """The table in the file. Raises Unusable when it can't be read or isn't text."""
    try:
        raw = file.open("rb")
    except OSError as error:
        raise Unusable(f"it can't be read: {error.strerror}") from None
    with raw:
        size = file.stat().st_size
        if file.is_dir() or not raw.seekable():
            raise Unusable("it isn't a regular file")
        start = raw.read(3)
        raw.seek(0)
        encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark)), "utf-8")
        # newline="": the line ends inside quotes are part of the text.
        with TextIOWrapper(raw, encoding, newline="") as text:
            yield Table(raw, text, size)
