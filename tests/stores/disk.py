"""A disk that fails as it is told, under any SQLite connection that is opened."""

import math
import sqlite3
from functools import partial


def disk_error(name):
    """An error as SQLite raises it."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


class Disk:
    """Errors stay until they are taken away."""

    def __init__(self):
        self.connections = []
        self.opened = self.refused = self.commits = 0
        self.commits_allowed = math.inf
        """More of them find the disk full."""
        self.at_open = self.at_begin = self.before_commit = self.after_commit = self.at_checkpoint = None

    def limit(self):
        """Not a page more than there are: the disk is full."""
        for connection in self.connections:
            [pages] = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")

    def relax(self):
        """There is room again."""
        for connection in self.connections:
            connection.execute("PRAGMA max_page_count = 1000000")

    def under(self, monkeypatch):
        """From now on connections are opened on this disk."""
        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=self._connection_class()))

    def _connection_class(self):
        disk = self

        class Connection(sqlite3.Connection):
            def __init__(self, *args, **kwargs):
                if disk.at_open is not None:
                    disk.refused += 1
                    raise disk.at_open
                super().__init__(*args, **kwargs)
                disk.opened += 1
                disk.connections.append(self)

            def execute(self, sql, *parameters):
                if sql == "BEGIN IMMEDIATE" and disk.at_begin is not None:
                    raise disk.at_begin
                if "wal_checkpoint" in sql and disk.at_checkpoint is not None:
                    raise disk.at_checkpoint
                if sql != "COMMIT":
                    return super().execute(sql, *parameters)
                if disk.commits_allowed < 1:
                    raise disk_error("SQLITE_FULL")
                disk.commits_allowed -= 1
                if disk.before_commit is not None:
                    raise disk.before_commit
                super().execute(sql)
                disk.commits += 1
                if disk.after_commit is not None:
                    raise disk.after_commit
                return None

            def close(self):
                super().close()
                if self in disk.connections:
                    disk.connections.remove(self)

        return Connection
