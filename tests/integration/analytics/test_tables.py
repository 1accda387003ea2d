"""The tables that statements are built on are the tables that migrations make."""

from sqlalchemy.dialects.postgresql import dialect

from services.analytics.store.tables import metadata
from tests.integration.analytics.world import World

DIALECT = dialect()  # type: ignore[no-untyped-call]


async def test_the_migrated_tables_are_the_declared_ones(world: World) -> None:
    rows = await world.owner_rows("""
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
            AND c.relname <> 'alembic_version'
    """)
    made = {(row["relname"], row["attname"], row["type"], row["attnotnull"]) for row in rows}
    declared = {
        (table.name, column.name, _type(column.type.compile(DIALECT)), not column.nullable)
        for table in metadata.sorted_tables
        for column in table.columns
    }
    assert made == declared


async def test_the_migrated_indexes_are_the_declared_ones(world: World) -> None:
    rows = await world.owner_rows(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'analytics' AND indexname !~ '(_pkey|_pkc|_key)$'"
    )
    declared = {index.name for table in metadata.sorted_tables for index in table.indexes}
    assert {row["indexname"] for row in rows} == declared


def _type(declared: str) -> str:
    return declared.lower()
