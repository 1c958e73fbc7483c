-- Version 12: who listens.

-- The token of the newest lease of each identity, so that none comes twice. Whether it stands is known by whoever has the
-- file open: no other process writes.
CREATE TABLE lease (
  identity TEXT NOT NULL PRIMARY KEY,
  token    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
