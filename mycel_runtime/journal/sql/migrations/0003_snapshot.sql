-- What the server's lists last said, so that what changes there without a notification becomes an event of its own.
CREATE TABLE snapshot (
  identity TEXT NOT NULL,
  kind     TEXT NOT NULL,
  key      TEXT NOT NULL,
  state    TEXT NOT NULL,
  PRIMARY KEY (identity, kind, key)
) STRICT, WITHOUT ROWID;
