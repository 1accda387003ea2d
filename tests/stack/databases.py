"""A database of its own for each test worker, with the services' schemas in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from chassis import migrate
from chassis.db import Database
from embedded.postgres import Postgres
from tests.stack.shared import locked


@dataclass
class TestDatabase:
    """One worker's database on the run's server."""

    __test__ = False
    postgres: Postgres
    name: str
    _opened: dict[str, Database] = field(default_factory=dict)

    @property
    def server_url(self) -> str:
        """Address without login: FITNESSHUB_DATABASE_SERVER."""
        return self._named(self.postgres.server_url)

    @property
    def owner_url(self) -> str:
        """Address with the owner's login: DATABASE_URL."""
        return self._named(self.postgres.owner_url)

    @property
    def secrets(self) -> Path:
        """Folder with the passwords of the services' roles; other secrets may be added."""
        return self.postgres.password_file.parent

    async def create(self) -> None:
        """Makes the database, in place of one that is there."""
        owner = await asyncpg.connect(self.postgres.owner_url)
        await owner.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        await owner.execute(f"CREATE DATABASE {self.name}")
        await owner.close()

    async def migrate(self, services: Iterable[str], root: Path | None = None) -> list[str]:
        """Migrates the services' schemas; returns what was reported. root: folder of the services' code."""
        reported: list[str] = []
        # Roles are common to all databases of the server, and so to all workers.
        with locked(self.secrets.with_name("roles.lock")):
            for service in services:
                self._make_password(service)
            await migrate.run(self.owner_url, services, self.secrets, reported.append, root=root)
        return reported

    async def open(self, service: str) -> Database:
        """The database as a service sees it, migrated and open; the same one each time."""
        if service not in self._opened:
            await self.migrate([service])
            self._opened[service] = self.connect(service)
            await self._opened[service].open()
        return self._opened[service]

    def connect(self, service: str, **options: Any) -> Database:
        """A new, unopened Database in the service's role; whoever asks for it closes it."""
        return Database(self.server_url, self.password(service), service=service, **options)

    def password(self, service: str) -> str:
        """Of the service's role."""
        return (self.secrets / f"database-{service}").read_text().strip()

    async def owner_value(self, sql: str, *arguments: Any) -> Any:
        """First column of the first row, as the owner sees it: for what no service may see or do."""
        owner = await asyncpg.connect(self.owner_url)
        try:
            return await owner.fetchval(sql, *arguments)
        finally:
            await owner.close()

    async def close(self) -> None:
        """Closes what `open` opened."""
        for database in self._opened.values():
            await database.close()

    def _make_password(self, service: str) -> None:
        file = self.secrets / f"database-{service}"
        if not file.exists():
            file.write_text(f"password-of-{service}\n")

    def _named(self, url: str) -> str:
        return urlunsplit(urlsplit(url)._replace(path=f"/{self.name}"))
