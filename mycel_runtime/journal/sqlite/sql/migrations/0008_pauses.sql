-- Version 8: what the operator has paused.

-- The agent (an empty name), a chat by its id, a plugin by its name. Work of a chat or a plugin is parked meanwhile: it is
-- due far beyond all times, and its first due time is in `waiting_since`.
CREATE TABLE pause (
  identity  TEXT NOT NULL,
  kind      TEXT NOT NULL CHECK (kind IN ('agent', 'chat', 'plugin')),
  name      TEXT NOT NULL,
  paused_at REAL NOT NULL,
  PRIMARY KEY (identity, kind, name)
) STRICT, WITHOUT ROWID;
