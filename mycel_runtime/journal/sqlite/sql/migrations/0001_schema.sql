-- Version 1. It stays as it is: every change is a file of its own, 0002_….sql and so on.

-- Checkpoint of each identity: how far its stream has been heard without a gap.
CREATE TABLE checkpoint (
  identity  TEXT PRIMARY KEY,
  server    TEXT NOT NULL,
  epoch     INTEGER NOT NULL,
  since_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every frame as it came. seq is NULL where there is no number: unknown and malformed frames.
CREATE TABLE entry (
  entry_id    INTEGER PRIMARY KEY,
  identity    TEXT NOT NULL,
  epoch       INTEGER NOT NULL,
  seq         INTEGER,
  kind        TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  ts          REAL,
  raw         TEXT NOT NULL,
  received_at REAL NOT NULL
) STRICT;

-- A number names one frame per epoch: a replay finds its first copy here.
CREATE UNIQUE INDEX entry_by_seq ON entry (identity, epoch, seq) WHERE seq IS NOT NULL;

-- What the server's lists last said, so that what changes there without a notification becomes an event of its own.
CREATE TABLE snapshot (
  identity TEXT NOT NULL,
  kind     TEXT NOT NULL,
  key      TEXT NOT NULL,
  state    TEXT NOT NULL,
  PRIMARY KEY (identity, kind, key)
) STRICT, WITHOUT ROWID;

-- Work: (handler x lane). AUTOINCREMENT, because intents outlive a deleted delivery and name it.
CREATE TABLE delivery (
  delivery_id    INTEGER PRIMARY KEY AUTOINCREMENT,
  identity       TEXT NOT NULL,
  handler        TEXT NOT NULL,
  lane           TEXT NOT NULL,
  chat_id        TEXT,
  entry_id       INTEGER REFERENCES entry,        -- event work
  dead_letter_id INTEGER,                         -- a dead letter's work, due again
  handled_seq    INTEGER,                         -- chat work; NULL until anchored
  wanted_seq     INTEGER NOT NULL DEFAULT 0,
  -- The newest number of the chat that anybody has told of; `wanted_seq` may be above it, to say "look once more".
  told_seq       INTEGER NOT NULL DEFAULT 0,
  -- Hints up to here make nothing due: the chat was given up unread, and a letter says so.
  given_up_seq   INTEGER NOT NULL DEFAULT 0,
  -- Chat work: a hint without a number came while the delivery was running.
  look_again     INTEGER NOT NULL DEFAULT 0,
  -- Numbers that were missing when the chat was read (Q27), as JSON [[seq, noticed_at], ...], and when to look again.
  holes          TEXT NOT NULL DEFAULT '[]',
  hole_at        REAL,
  turn           INTEGER NOT NULL DEFAULT 0,
  attempts       INTEGER NOT NULL DEFAULT 0,
  state          TEXT NOT NULL CHECK (state IN ('idle', 'due', 'running')),
  due_at         REAL NOT NULL,
  -- Event work: an earlier event of the handler in the lane comes first. So that a claim passes over them all at once.
  is_behind      INTEGER NOT NULL DEFAULT 0,
  waiting_since  REAL,                            -- when it became due, of one that was postponed since
  claim          INTEGER,
  -- Since a process died while it ran, until its turn ends; of how many deaths it was the only suspect that ran; and
  -- what its handler was shown then: all up to a number, and which messages, as JSON.
  suspected_at   REAL,
  deaths         INTEGER NOT NULL DEFAULT 0,
  shown_seq      INTEGER,
  shown_ids      TEXT
) STRICT;

CREATE UNIQUE INDEX delivery_chat ON delivery (identity, handler, lane)
  WHERE entry_id IS NULL AND dead_letter_id IS NULL;
CREATE UNIQUE INDEX delivery_event ON delivery (identity, handler, lane, entry_id) WHERE entry_id IS NOT NULL;
CREATE INDEX delivery_lane ON delivery (identity, lane) WHERE entry_id IS NULL AND dead_letter_id IS NULL;
CREATE INDEX delivery_due ON delivery (identity, is_behind, due_at, delivery_id) WHERE state = 'due';
CREATE INDEX delivery_waiting ON delivery (identity, waiting_since) WHERE waiting_since IS NOT NULL;
CREATE INDEX delivery_running ON delivery (identity, lane) WHERE state = 'running';
CREATE INDEX delivery_suspect ON delivery (identity) WHERE suspected_at IS NOT NULL;
CREATE INDEX delivery_unanchored ON delivery (identity, lane)
  WHERE handled_seq IS NULL AND chat_id IS NOT NULL AND entry_id IS NULL AND dead_letter_id IS NULL;

-- Identities whose process was ending, or has ended: what still ran then is not to blame.
CREATE TABLE expected_end (
  identity TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The outbox: what a handler is about to say, has said, or perhaps has said.
CREATE TABLE intent (
  delivery_id   INTEGER NOT NULL,
  turn          INTEGER NOT NULL,
  ordinal       INTEGER NOT NULL,
  identity      TEXT NOT NULL,
  handler       TEXT NOT NULL,
  chat_id       TEXT NOT NULL,
  base_seq      INTEGER NOT NULL,
  content_hash  TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('intended', 'sent', 'refused', 'unknown')),
  message_id    TEXT,
  message_seq   INTEGER,
  intended_at   REAL NOT NULL,
  plugin        TEXT NOT NULL,                    -- of the handler
  unattended_at REAL,                             -- when it was said without a human in view, unless it was refused
  PRIMARY KEY (delivery_id, turn, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX intent_message ON intent (identity, chat_id, message_seq) WHERE state = 'sent';
CREATE INDEX intent_unplaced ON intent (identity, chat_id) WHERE message_id IS NULL;
CREATE INDEX intent_unsettled ON intent (identity) WHERE state IN ('intended', 'unknown');
-- What the loop guard counts, in a chat and of a plugin, within a time.
CREATE INDEX intent_of_chat ON intent (identity, chat_id, unattended_at) WHERE unattended_at IS NOT NULL;
CREATE INDEX intent_of_plugin ON intent (identity, plugin, unattended_at) WHERE unattended_at IS NOT NULL;

-- Chats in which nothing is said until a human speaks or the operator says so.
CREATE TABLE hold (
  identity TEXT NOT NULL,
  chat_id  TEXT NOT NULL,
  reason   TEXT NOT NULL,
  held_at  REAL NOT NULL,
  PRIMARY KEY (identity, chat_id)
) STRICT, WITHOUT ROWID;

-- Work that was given up, with its reason; what its turn had said already, so that trying it again says nothing twice.
CREATE TABLE dead_letter (
  dead_letter_id INTEGER PRIMARY KEY AUTOINCREMENT,
  identity       TEXT NOT NULL,
  handler        TEXT NOT NULL,
  lane           TEXT NOT NULL,
  chat_id        TEXT,
  entry_id       INTEGER REFERENCES entry,
  after_seq      INTEGER,
  through_seq    INTEGER,
  holes          TEXT NOT NULL,                   -- late numbers below its span (Q27), as in `delivery.holes`
  message_ids    TEXT NOT NULL,                   -- JSON: what the handler was given
  attempts       INTEGER NOT NULL,
  reason         TEXT NOT NULL,
  trace          TEXT NOT NULL,
  buried_at      REAL NOT NULL,
  delivery_id    INTEGER NOT NULL,
  turn           INTEGER NOT NULL
) STRICT;

-- Which log (WAL) this is, which one came before it, and whether what is in the file is followed by a log that is not.
CREATE TABLE log_link (
  log_id      INTEGER NOT NULL,
  after_id    INTEGER NOT NULL,
  is_followed INTEGER NOT NULL
) STRICT;

INSERT INTO log_link (log_id, after_id, is_followed) VALUES (abs(random() / 2), 0, 0);
