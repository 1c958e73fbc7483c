-- Version 4: what is said first, in whatever chat.

-- An utterance is an entry with event work in its chat's lane. The row stays, so that a run which is repeated says nothing
-- twice; its words go when they have been said.
CREATE TABLE utterance (
  entry_id    INTEGER PRIMARY KEY REFERENCES entry,
  identity    TEXT NOT NULL,
  handler     TEXT NOT NULL,
  lane        TEXT NOT NULL,
  chat_id     TEXT NOT NULL,
  delivery_id INTEGER NOT NULL,                   -- in whose turn it was made, as the n-th in this chat
  turn        INTEGER NOT NULL,
  ordinal     INTEGER NOT NULL,
  content     TEXT,                               -- NULL once it was said, or is not to be said any more
  mentions    TEXT NOT NULL,                      -- JSON
  on_conflict TEXT NOT NULL CHECK (on_conflict IN ('wait', 'drop')),
  known_seq   INTEGER,                            -- the newest number of the chat that was known when it was made
  made_at     REAL NOT NULL
) STRICT;

CREATE UNIQUE INDEX utterance_of_turn ON utterance (delivery_id, turn, chat_id, ordinal);
CREATE INDEX utterance_waiting ON utterance (identity, made_at) WHERE content IS NOT NULL;
