-- Version 5: how far plugins have read chats by `ctx.read`.

-- A plugin's own cursor in a chat, beside those of its handlers of messages. A version is never used again, as of an item:
-- of two turns that read the same messages side by side, the second is refused.
CREATE TABLE reading (
  identity TEXT NOT NULL,
  plugin   TEXT NOT NULL,
  chat_id  TEXT NOT NULL,
  read_seq INTEGER NOT NULL,
  holes    TEXT NOT NULL,                         -- as in `delivery.holes`
  version  INTEGER NOT NULL,
  PRIMARY KEY (identity, plugin, chat_id)
) STRICT, WITHOUT ROWID;

-- Chat work: all up to here was there before its handler; NULL until anchored, and where it is not known any more.
ALTER TABLE delivery ADD COLUMN start_seq INTEGER;
