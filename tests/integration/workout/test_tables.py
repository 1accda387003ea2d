"""The tables that statements are built on are the tables that migrations make."""

from sqlalchemy.dialects.postgresql import dialect

from services.workout.store.tables import metadata
from tests.integration.workout.world import World

DIALECT = dialect()  # type: ignore[no-untyped-call]


async def test_the_migrated_tables_are_the_declared_ones(world: World) -> None:
    rows = await world.owner_rows("""
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'workout'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
            AND c.relname <> 'alembic_version'
    """)
    made = {(row["relname"], row["attname"], row["type"], row["attnotnull"]) for row in rows}

    declared = {
        (table.name, column.name, _type(column.type.compile(DIALECT)), not column.nullable)
        for table in metadata.sorted_tables
        for column in table.columns
    }

    assert made == declared


async def test_the_migrated_indexes_and_constraints_are_the_declared_ones(world: World) -> None:
    made = {
        row["name"]
        for row in await world.owner_rows("""
            SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'workout' AND indexname !~ '(_pkey|_pkc|_key)$'
            UNION SELECT conname FROM pg_constraint
            WHERE connamespace = 'workout'::regnamespace AND contype IN ('f', 'u')
        """)
    }

    declared = {index.name for table in metadata.sorted_tables for index in table.indexes} | {
        constraint.name
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if constraint.name and type(constraint).__name__ in {"ForeignKeyConstraint", "UniqueConstraint"}
    }

    assert made == declared


def _type(sql: str) -> str:
    return sql.partition(" COLLATE")[0].lower()
