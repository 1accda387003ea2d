"""Candidates of a search: the exercises that share most with the query, by the index on their trigrams."""

from dataclasses import asdict

from sqlalchemy import text

from chassis.db import Database, Statement
from services.workout.domain.exercise_index import signature_of
from services.workout.domain.exercise_search import Candidate, Query
from services.workout.store.exercises import FILTERS, Filters

MOST_CANDIDATES = 500

_CANDIDATES = """
    SELECT id, terms, muscles[1] AS muscle, shared FROM (
        SELECT id, terms, muscles, name,
            bit_count(signature & CAST(CAST(:signature AS text) AS bit(1024))) AS shared
        FROM workout.exercises WHERE {fits} AND deleted_at IS NULL {filters}
    ) AS near
    WHERE shared >= :least ORDER BY shared DESC, length(name), id LIMIT :limit
"""
# All three are for SearchExercises.
# What is compared is hidden in subqueries. A planner that sees it may guess that many rows fit and read the whole
# table, comparing lists row by row: 160 ms for 20,000 exercises, where the index takes 10.
FIND_BEGINNING = Statement(
    text(
        _CANDIDATES.format(
            fits="(grams @> (SELECT CAST(:words AS text[])) OR grams @> (SELECT CAST(:whole AS text[])))",
            filters=FILTERS,
        )
    )
)
FIND_SIMILAR = Statement(text(_CANDIDATES.format(fits="grams && (SELECT CAST(:telling AS text[]))", filters=FILTERS)))
FIND_OWN = Statement(
    text(f"""
    SELECT id, terms, muscles[1] AS muscle FROM workout.exercises
    WHERE owner_id = CAST(:owner AS uuid) AND deleted_at IS NULL {FILTERS} ORDER BY id LIMIT :limit
    """)  # noqa: S608
)


async def find_beginning(db: Database, query: Query, filters: Filters) -> list[Candidate]:
    """Exercises of the library that may have words beginning as the query's, the nearest 500."""
    words, whole = query.beginnings
    return await _find(db, FIND_BEGINNING, query, filters, least=0, words=words, whole=whole)


async def find_similar(db: Database, query: Query, filters: Filters) -> list[Candidate]:
    """Exercises of the library that share a third or more with the query, the nearest 500."""
    return await _find(db, FIND_SIMILAR, query, filters, least=query.least, telling=query.telling)


async def find_own(db: Database, owner: str, filters: Filters) -> list[Candidate]:
    """Exercises of a person's own, whatever they are called: at most 500."""
    rows = await db.rows(FIND_OWN, owner=owner, limit=MOST_CANDIDATES, **asdict(filters))
    return [Candidate(str(row["id"]), row["terms"], row["muscle"] or 0, in_library=False) for row in rows]


async def _find(db: Database, statement: Statement, query: Query, filters: Filters, **how: object) -> list[Candidate]:
    rows = await db.rows(
        statement, signature=signature_of(query.grams), limit=MOST_CANDIDATES, **asdict(filters), **how
    )
    return [Candidate(str(row["id"]), row["terms"], row["muscle"] or 0, in_library=True) for row in rows]
