"""SQLite for coroutines: its calls block, so they run in a thread, each a transaction of its own."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterable
from typing import Any

SCHEMA = """
create table if not exists orders (id integer primary key, message text, attempt integer);
create table if not exists clicks (message text primary key, url text);
"""


class Database:
    """A file of SQLite."""

    def __init__(self, path: str) -> None:
        """Open it, and make its tables where they are missing."""
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.executescript(SCHEMA)
        self._one_at_a_time = threading.Lock()

    async def execute(self, statement: str, *values: object) -> list[Any]:
        """Run a statement as a transaction, and return its rows."""
        return await asyncio.to_thread(
            self._transaction, lambda: self._connection.execute(statement, values).fetchall()
        )

    async def executemany(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement for each row, all in one transaction."""
        await asyncio.to_thread(self._transaction, lambda: self._connection.executemany(statement, rows))

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _all(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()

    def _transaction(self, act: Any) -> Any:
        with self._one_at_a_time, self._connection:
            return act()
