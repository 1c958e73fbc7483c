"""Another token of this user, as the local backend would make one later: how a token is renewed there."""

import sqlite3
import sys
import time

from mycel_runtime.backend.tokens import Tokens

database = sqlite3.connect("file:/var/lib/backend.sqlite3?mode=ro", uri=True)
(secret,) = database.execute("SELECT value FROM secret").fetchone()
print(Tokens(bytes(secret)).make(sys.argv[1], time.time() + 1))
