-- Version 6: what is asked, and what becomes of it.

-- A question is an entry, and so is the utterance that says it; both are made in one commit. What is to be done about it
-- (look for the answer, tell its handler) is event work of the question's entry in its chat's lane. The row stays: its
-- answer is shown to nobody else, however late that one looks.
CREATE TABLE question (
  entry_id     INTEGER PRIMARY KEY REFERENCES entry,
  identity     TEXT NOT NULL,
  plugin       TEXT NOT NULL,
  name         TEXT NOT NULL,
  handler      TEXT NOT NULL,                     -- of the answer
  lane         TEXT NOT NULL,
  chat_id      TEXT NOT NULL,
  utterance_id INTEGER NOT NULL REFERENCES entry,
  user_id      TEXT,                              -- whose next message is the answer; NULL: whoever else is in the chat
  data         TEXT,                              -- JSON; NULL once its handler is done
  made_at      REAL NOT NULL,
  state        TEXT NOT NULL
    CHECK (state IN ('made', 'open', 'overdue', 'answered', 'timed_out', 'unsaid', 'forgotten')),
  asked_seq    INTEGER,                           -- where its words stand, once they do
  message_id   TEXT,
  closed_seq   INTEGER                            -- the answer's number; without one, how far the chat had been looked at
) STRICT;

CREATE INDEX question_undecided ON question (identity, chat_id) WHERE state IN ('made', 'open', 'overdue');
CREATE INDEX question_of_chat ON question (identity, chat_id, closed_seq);
CREATE UNIQUE INDEX question_of_utterance ON question (utterance_id);

-- With what is known of its words while nobody has noted where they stand.
CREATE VIEW known_question AS
SELECT q.entry_id, q.identity, q.plugin, q.name, q.handler, q.lane, q.chat_id, q.user_id, q.data, q.made_at, q.state,
       q.asked_seq, q.message_id, q.closed_seq, i.state AS intent_state, coalesce(i.message_seq, i.base_seq) AS sent_seq,
       i.message_id AS sent_id, i.content_hash AS pending_hash, i.base_seq AS pending_seq
FROM question AS q
LEFT JOIN utterance AS u ON u.entry_id = q.utterance_id AND q.asked_seq IS NULL
LEFT JOIN delivery AS d ON d.identity = u.identity AND d.handler = u.handler AND d.lane = u.lane AND d.entry_id = u.entry_id
LEFT JOIN intent AS i ON i.delivery_id = d.delivery_id AND i.turn = d.turn AND i.state IN ('intended', 'sent', 'unknown');
