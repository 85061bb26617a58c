"""Writes to one SQLite database beside others: `transactions.py PATH make|check`, or `transactions.py PATH WHO COUNT`.

Whoever is told of an error opens it anew and does it again: each transaction has a number, so that it counts once.
"""

import sqlite3
import sys

PATIENCE_S = 120


def opened():
    return sqlite3.connect(sys.argv[1], timeout=PATIENCE_S, isolation_level=None)


def write(who, count):
    db, kept = opened(), 0
    while kept < count:
        try:
            db.execute("begin immediate")
            db.execute("insert or ignore into done values (?, ?)", (who, kept))
            db.execute("update total set count = count + changes()")
            db.execute("commit")
            kept += 1
        except sqlite3.OperationalError:
            db.close()
            db = opened()
    print(kept, "kept")


if sys.argv[2] == "make":
    opened().executescript(
        "pragma journal_mode = delete; create table done(who, number, primary key (who, number));"
        "create table total(count); insert into total values (0)"
    )
elif sys.argv[2] == "check":
    whole = opened().execute("pragma integrity_check").fetchone()[0]
    print(whole, *opened().execute("select (select count(*) from done), (select count from total)").fetchone())
else:
    write(sys.argv[2], int(sys.argv[3]))
