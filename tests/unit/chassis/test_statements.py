"""Statements are compiled once; whatever would need SQLAlchemy at run time is refused at import."""

import enum
import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ClauseElement,
    Column,
    DateTime,
    Enum,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from chassis.statements import Statement, StatementError


class Colour(enum.Enum):
    RED = 1


class Upper(TypeDecorator[str]):
    impl = Text
    cache_ok = True


items = Table(
    "items",
    MetaData(schema="depot"),
    Column("id", Uuid, primary_key=True),
    Column("name", Text),
    Column("stock", BigInteger),
    Column("document", JSONB),
    Column("seen_at", DateTime(timezone=True)),
    Column("number", BigInteger, Identity(always=True)),
)
defaulted = Table(
    "defaulted", MetaData(), Column("id", Uuid, primary_key=True, default=uuid.uuid4), Column("n", Integer)
)
touched = Table("touched", MetaData(), Column("id", Uuid, primary_key=True), Column("n", Integer, onupdate=lambda: 1))
serial = Table("serial", MetaData(), Column("id", BigInteger, primary_key=True), Column("name", Text))


def test_parameters_are_numbered_and_cast() -> None:
    statement = Statement(select(items.c.name).where(items.c.id == bindparam("id"), items.c.stock > bindparam("stock")))
    assert " ".join(statement.sql.split()) == (
        "SELECT depot.items.name FROM depot.items WHERE depot.items.id = $1::UUID AND depot.items.stock > $2::BIGINT"
    )
    assert statement.parameters == ("id", "stock")
    assert statement.arguments({"stock": 3, "id": "x"}) == ("x", 3)
    assert not statement.writes


def test_a_repeated_parameter_is_sent_once() -> None:
    statement = Statement(text("SELECT :a, :b, :a"))
    assert statement.sql == "SELECT $1, $2, $1"
    assert statement.arguments({"b": 2, "a": 1}) == (1, 2)


def test_no_parameters() -> None:
    assert Statement(select(literal_column("1"))).arguments({}) == ()


def test_an_array_is_one_parameter() -> None:
    statement = Statement(select(items.c.name).where(items.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))))
    assert "ANY ($1::UUID[])" in statement.sql
    assert statement.arguments({"ids": ["x", "y"]}) == (["x", "y"],)


def test_the_columns_of_an_insert_are_its_parameters() -> None:
    statement = Statement(insert(defaulted).values(id=bindparam("id"), n=bindparam("n")))
    assert statement.parameters == ("id", "n")
    assert statement.writes
    assert Statement(insert(items).values(id=bindparam("id"), document=bindparam("document"))).parameters == (
        "id",
        "document",
    )


def test_nothing_is_returned_that_was_not_asked_for() -> None:
    assert "RETURNING" not in Statement(insert(serial).values(name=bindparam("name"))).sql
    assert "RETURNING serial.id" in Statement(insert(serial).values(name=bindparam("name")).returning(serial.c.id)).sql


@pytest.mark.parametrize(
    ("core", "why"),
    [
        (lambda: select(items).where(items.c.name.in_(["a", "b"])), "in_"),
        (lambda: select(items).where(items.c.name.in_(bindparam("names", expanding=True))), "in_"),
        (lambda: select(items).where(items.c.name == "a"), "constant"),
        (lambda: update(items).values(stock=items.c.stock + 1).where(items.c.id == bindparam("id_")), "constant"),
        (lambda: update(items).values(stock=5).where(items.c.id == bindparam("id_")), "constant"),
        (lambda: select(items).limit(5), "constant"),
        (lambda: select(func.coalesce(items.c.stock, 0)), "constant"),
        (lambda: select(items).where(items.c.name == bindparam("name", "a")), "constant"),
        (lambda: select(items).where(items.c.name == bindparam("name", None)), "constant"),
        (lambda: select(bindparam("colour", type_=Enum(Colour))), "colour"),
        (lambda: select(bindparam("name", type_=Upper())), "name"),
        (lambda: select(bindparam("names", type_=ARRAY(Upper()))), "names"),
        (lambda: select(bindparam("range", type_=postgresql.INT4RANGE())), "range"),
        (lambda: insert(defaulted).values(n=bindparam("n")), "default"),
        (lambda: update(touched).where(touched.c.id == bindparam("id_")).values(id=bindparam("new")), "default"),
        (lambda: text("SELECT :a::int"), "CAST"),
        (lambda: text("SELECT 1 WHERE 1 = ANY(:ids::int[])"), "CAST"),
    ],
)
def test_what_needs_sqlalchemy_at_run_time_is_refused(core: Callable[[], ClauseElement], why: str) -> None:
    with pytest.raises(StatementError, match=why):
        Statement(core())


@pytest.mark.parametrize(
    "values", [{}, {"id": 1, "more": 2}, {"other": 1}, {"id": 1, "stock": 2, "more": 3}, {"id": 1}]
)
def test_missing_and_unknown_parameters_are_refused(values: dict[str, int]) -> None:
    two = Statement(delete(items).where(items.c.id == bindparam("id"), items.c.stock == bindparam("stock")))
    with pytest.raises(StatementError, match="parameters"):
        two.arguments(values)


@pytest.mark.parametrize("values", [{}, {"id": 1, "more": 2}, {"other": 1}])
def test_the_same_for_a_single_parameter(values: dict[str, int]) -> None:
    with pytest.raises(StatementError, match="parameters"):
        Statement(select(items.c.name).where(items.c.id == bindparam("id"))).arguments(values)
    with pytest.raises(StatementError, match="parameters"):
        Statement(select(literal_column("1"))).arguments({"extra": 1})
