-- Version 3: what handlers were shown, said and did, so that it can be replayed through changed code.

-- A delivery whose handler has come to its end. What is said, remembered or planned is here as hashes and lengths only: no
-- text outlives the place where it belongs. The oldest go when there are more than are kept.
CREATE TABLE turn (
  turn_id     INTEGER PRIMARY KEY,
  identity    TEXT NOT NULL,
  handler     TEXT NOT NULL,
  lane        TEXT NOT NULL,
  chat_id     TEXT,
  entry_id    INTEGER REFERENCES entry,           -- event work
  delivery_id INTEGER NOT NULL,                   -- with `turn`, the name of its intents
  turn        INTEGER NOT NULL,
  attempt     INTEGER NOT NULL,
  kind        TEXT NOT NULL,                      -- `message`, `timer`, or the type of an event
  shown       TEXT NOT NULL,                      -- JSON, as the two below; `journal/turns.py` says what is in them
  said        TEXT NOT NULL,
  done        TEXT NOT NULL,
  raised      TEXT NOT NULL,                      -- why it was given up; empty: it was not
  began_at    REAL NOT NULL,
  ended_at    REAL NOT NULL
) STRICT;
