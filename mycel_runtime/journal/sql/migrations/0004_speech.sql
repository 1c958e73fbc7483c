-- Numbers of a chat that were missing when it was read (Q27), as JSON [[seq, noticed_at], ...], and when to look again.
ALTER TABLE delivery ADD COLUMN holes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE delivery ADD COLUMN hole_at REAL;
CREATE INDEX delivery_lane ON delivery (identity, lane) WHERE entry_id IS NULL AND dead_letter_id IS NULL;

-- Whose words they are, and whether they were said without a human in view.
ALTER TABLE intent ADD COLUMN handler TEXT NOT NULL DEFAULT '';
ALTER TABLE intent ADD COLUMN is_unattended INTEGER NOT NULL DEFAULT 0;
CREATE INDEX intent_unattended ON intent (identity, chat_id) WHERE is_unattended = 1;

-- Chats in which nothing is said until a human speaks or the operator says so.
CREATE TABLE hold (
  identity TEXT NOT NULL,
  chat_id  TEXT NOT NULL,
  reason   TEXT NOT NULL,
  held_at  REAL NOT NULL,
  PRIMARY KEY (identity, chat_id)
) STRICT, WITHOUT ROWID;

-- What a buried turn had said already, so that trying it again says nothing twice; and which messages it was given.
ALTER TABLE dead_letter ADD COLUMN delivery_id INTEGER;
ALTER TABLE dead_letter ADD COLUMN turn INTEGER;
ALTER TABLE dead_letter ADD COLUMN message_ids TEXT NOT NULL DEFAULT '[]';
