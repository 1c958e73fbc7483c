-- Version 2: what a plugin remembers and plans, committed with the end of the delivery that made it.

-- The stores of plugins. A value is JSON. A version is drawn by the turn that writes it, so never used again: a value which
-- was made from an outdated one is known, also if the key was deleted and made anew meanwhile.
CREATE TABLE item (
  identity TEXT NOT NULL,
  plugin   TEXT NOT NULL,
  chat_id  TEXT NOT NULL,                         -- empty: of the plugin as a whole
  key      TEXT NOT NULL,
  value    TEXT NOT NULL,
  version  INTEGER NOT NULL,
  PRIMARY KEY (identity, plugin, chat_id, key)
) STRICT, WITHOUT ROWID;

-- What is to happen at a time.
CREATE TABLE timer (
  identity    TEXT NOT NULL,
  plugin      TEXT NOT NULL,
  name        TEXT NOT NULL,
  key         TEXT NOT NULL,
  due_at      REAL NOT NULL,
  is_relative INTEGER NOT NULL,                   -- it waits for a span of time, and not for a time of the clock
  data        TEXT NOT NULL,                      -- JSON
  PRIMARY KEY (identity, plugin, name, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX timer_due ON timer (identity, due_at);

-- A timer whose time has come is an entry with event work; this is what its handler is given, until its turn ends.
CREATE TABLE firing (
  entry_id INTEGER PRIMARY KEY REFERENCES entry,
  identity TEXT NOT NULL,
  plugin   TEXT NOT NULL,
  name     TEXT NOT NULL,
  key      TEXT NOT NULL,
  due_at   REAL NOT NULL,
  data     TEXT NOT NULL,
  handler  TEXT NOT NULL,
  lane     TEXT NOT NULL
) STRICT;

CREATE INDEX firing_timer ON firing (identity, plugin, name, key);
