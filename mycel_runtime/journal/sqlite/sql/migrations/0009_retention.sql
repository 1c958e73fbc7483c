-- Version 9: what is old and nobody needs goes, so that the file stays small.
--
-- What goes once it is older than is kept (`journal/README.md` tells the rules; `verbs/retention.py` carries them out):
-- frames, sends that are settled, utterances and questions whose turns have ended, turns, and, later, dead letters.
--
-- What stays, however old, and why:
--   checkpoint, expected_end, log_link         one row each
--   hold, pause    what waits for a human or for the operator
--   delivery       cursors and open work: without them a message would be handled twice, or never
--   entry          the newest numbers of the epoch, so that a replay is known as one; what an open delivery, a dead letter,
--                  a firing, a turn, an utterance or a question names; and the newest row, so that no id comes again
--   intent         `intended` and `unknown` ones; those of an open turn or of a dead letter, so that it says nothing twice;
--                  what the loop guard counts; a send above an unsettled one, whose message that one's would be taken for
--   own_through    how far the agent's own messages are explained though their intents are gone
--   snapshot       what the lists last said, and which versions handlers were told of: else they would be told again
--   item, reading, timer, firing               what plugins remember and plan
--   utterance      with words that are still to be said, or of an open turn or a dead letter
--   question       undecided or untold ones, and answers that a handler with open work in the chat has yet to pass

-- A pruned send must not look like somebody else's. All of the agent's own messages of a chat up to here are explained:
-- there stood a send of this journal, and a send is accepted only when everything before it was shown, so that another
-- program's words were found by then.
CREATE TABLE own_through (
  identity TEXT NOT NULL,
  chat_id  TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  PRIMARY KEY (identity, chat_id)
) STRICT, WITHOUT ROWID;

-- Dead letters that were dropped because of their age, so that none goes unseen.
CREATE TABLE expired_letters (
  identity   TEXT PRIMARY KEY,
  letters    INTEGER NOT NULL,
  expired_at REAL NOT NULL                        -- the last of them
) STRICT, WITHOUT ROWID;

-- Settled sends by age.
CREATE INDEX intent_settled ON intent (intended_at, delivery_id, turn, ordinal)
  WHERE state IN ('sent', 'refused') AND unattended_at IS NULL;

-- Who names an entry or a turn.
CREATE INDEX delivery_entry ON delivery (entry_id) WHERE entry_id IS NOT NULL;
CREATE INDEX dead_letter_entry ON dead_letter (entry_id) WHERE entry_id IS NOT NULL;
CREATE INDEX dead_letter_turn ON dead_letter (delivery_id, turn);
CREATE INDEX turn_entry ON turn (entry_id) WHERE entry_id IS NOT NULL;
