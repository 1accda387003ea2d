"""SQLAlchemy Core statements compiled once, at import, into what the driver takes.

SQLAlchemy's own execution costs twice the driver's. What it would do at run time beyond passing
parameters (expanding lists, private processors, defaults) is refused here instead of going wrong later.
"""

import re
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import BindParameter, ClauseElement, Insert, TextClause, types
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_PLAIN_TYPES = (
    types.NullType,
    types.String,
    types.Integer,
    types.Boolean,
    types.Numeric,
    types.Uuid,
    types.DateTime,
    types.Date,
    types.Time,
    types.Interval,
    types.LargeBinary,
    types.JSON,
)
"""Types whose values the driver takes as they are (jsonb through the codec of `chassis.pool`)."""
_PRIVATE_TYPES = (types.Enum, types.TypeDecorator, types.PickleType)
_UNSEEN_PARAMETER = re.compile(r"(?<![:\w]):\w+::")


class StatementError(Exception):
    """A statement that can't be compiled once, or that was given the wrong parameters: our own mistake."""


class Statement:
    """One SQL statement with named parameters, ready to run.

    Parameters are `bindparam("name")`, `:name` in text, or the columns of `insert(table)`. A constant is
    written as `literal_column("1")` or `func.now()`; a list is `= ANY(:ids)`.
    """

    __slots__ = ("_count", "_pick", "operation", "parameters", "span_attributes", "sql", "writes")

    def __init__(self, core: ClauseElement) -> None:
        """Raises StatementError, which names what can't be compiled once."""
        if isinstance(core, Insert) and not core._returning:  # noqa: SLF001 - no public way to see it
            core = core.inline()  # else SQLAlchemy adds RETURNING for a generated key
        compiled = cast("SQLCompiler", core.compile(dialect=_DIALECT))
        if (compiled.isinsert and compiled.insert_prefetch) or (compiled.isupdate and compiled.update_prefetch):
            raise StatementError("a column has a default made in Python: pass the value as a parameter")
        for bind in compiled.binds.values():
            _refuse(bind)
        self.sql = str(compiled)
        """SQL text with `$1`, `$2`, … in place of the parameters."""
        if isinstance(core, TextClause) and (unseen := _UNSEEN_PARAMETER.search(self.sql)):
            raise StatementError(f"{unseen[0]}… isn't seen as a parameter: write CAST(… AS type)")
        self.parameters: tuple[str, ...] = tuple(compiled.positiontup or ())
        """Names of the parameters; `$1` is the first."""
        self.writes = isinstance(core, UpdateBase)
        """An INSERT, UPDATE or DELETE. Of text nobody knows."""
        self.operation = self.sql.split(maxsplit=1)[0].upper()
        """First word of the SQL: the name of its span."""
        self.span_attributes = {"db.system.name": "postgresql", "db.query.text": self.sql}
        """What a span says about it; values of parameters are nobody's business."""
        self._count = len(self.parameters)
        self._pick = _picker(self.parameters)

    def arguments(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values in the order of the parameters. Raises StatementError when one is missing or too many."""
        try:
            picked = self._pick(values)
        except KeyError:
            picked = None
        if picked is None or len(values) != self._count:
            missing, extra = set(self.parameters) - values.keys(), values.keys() - set(self.parameters)
            raise StatementError(
                f"missing parameters {sorted(missing)}, unknown parameters {sorted(extra)}: {self.sql}"
            )
        return picked


def _picker(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """`itemgetter` runs in C, and gives a tuple for two names or more."""
    if not names:
        return lambda values: ()  # noqa: ARG005 - the signature of the others
    if len(names) == 1:
        name = names[0]
        return lambda values: (values[name],)
    return itemgetter(*names)


def _refuse(bind: BindParameter[Any]) -> None:
    if bind.expanding:
        raise StatementError(f"in_() on {bind.key} is expanded at run time: write = any_(bindparam(…, type_=ARRAY(…)))")
    if bind.unique or not bind.required:
        raise StatementError(
            f"a constant became the parameter {bind.key}: write literal_column(…), or bindparam('name') for a parameter"
        )
    kind: types.TypeEngine[Any] = bind.type
    while isinstance(kind, types.ARRAY):
        kind = kind.item_type
    if not isinstance(kind, _PLAIN_TYPES) or isinstance(kind, _PRIVATE_TYPES):
        raise StatementError(f"parameter {bind.key} has the type {kind!r}, which needs SQLAlchemy at run time")
