-- What both engines read alike; beside it each has its own, in its folder `sql/`. It is in PostgreSQL's words: SQLite has
-- others for GREATEST, LEAST and IS NOT DISTINCT FROM, which `sqlite/statements.py` puts in. Of a NULL argument SQLite
-- makes NULL, PostgreSQL nothing: so there is none here, or what becomes of it is the same.

-- name: read_checkpoint
SELECT identity, server, epoch, since_seq FROM checkpoint WHERE identity = :identity;

-- name: write_checkpoint
INSERT INTO checkpoint (identity, server, epoch, since_seq) VALUES (:identity, :server, :epoch, :since_seq)
ON CONFLICT (identity) DO UPDATE
SET server = excluded.server, epoch = excluded.epoch, since_seq = excluded.since_seq;

-- name: read_marks
SELECT seq, fingerprint, ts FROM entry
WHERE identity = :identity AND epoch = :epoch AND seq IS NOT NULL
ORDER BY seq DESC LIMIT :limit;

-- name: read_levels
-- How far each chat has been handed out or will be; what one handler has seen of it, the others were told of.
SELECT chat_id, GREATEST(coalesce(handled_seq, 0), wanted_seq, given_up_seq) AS seq FROM delivery
WHERE identity = :identity AND chat_id IS NOT NULL AND entry_id IS NULL AND dead_letter_id IS NULL;

-- name: want_others
-- What one handler's turn found out of a chat, or may have hidden from the server's lists, is work for the others too.
UPDATE delivery
SET wanted_seq = coalesce(:wanted_seq, GREATEST(wanted_seq, coalesce(handled_seq, 0)) + 1),
    told_seq = GREATEST(told_seq, coalesce(:wanted_seq, 0)),
    due_at = CASE WHEN state = 'idle' OR due_at IS NOT DISTINCT FROM hole_at THEN :now ELSE due_at END,
    state = 'due'
WHERE identity = :identity AND lane = (SELECT lane FROM delivery WHERE delivery_id = :delivery_id)
  AND delivery_id <> :delivery_id AND state <> 'running' AND chat_id IS NOT NULL
  AND entry_id IS NULL AND dead_letter_id IS NULL
  AND (:wanted_seq IS NULL OR :wanted_seq > GREATEST(wanted_seq, coalesce(handled_seq, 0)));

-- name: insert_event
INSERT INTO delivery (identity, handler, lane, chat_id, entry_id, state, due_at, is_behind)
VALUES (:identity, :handler, :lane, :chat_id, :entry_id, 'due', :now,
        CASE WHEN EXISTS (SELECT 1 FROM delivery AS e
                          WHERE e.identity = :identity AND e.handler = :handler AND e.lane = :lane
                            AND e.entry_id < :entry_id) THEN 1 ELSE 0 END);

-- name: promote_event
-- The first of those that wait is behind nobody.
UPDATE delivery SET is_behind = 0
WHERE delivery_id = (SELECT e.delivery_id FROM delivery AS e
                     WHERE e.identity = :identity AND e.handler = :handler AND e.lane = :lane
                       AND e.entry_id IS NOT NULL
                     ORDER BY e.entry_id LIMIT 1);

-- name: select_due_of_lane
-- As `select_due`, of one lane.
SELECT d.delivery_id, d.identity, d.handler, d.lane, d.chat_id, d.entry_id, d.handled_seq, d.wanted_seq,
       d.turn, d.attempts, d.due_at, d.holes, d.dead_letter_id, d.suspected_at, d.deaths, d.shown_seq, d.shown_ids,
       NOT EXISTS (SELECT 1 FROM delivery AS u WHERE u.identity = d.identity AND u.lane = d.lane
                   AND u.handled_seq IS NULL AND u.chat_id IS NOT NULL AND u.entry_id IS NULL
                   AND u.dead_letter_id IS NULL) AS lane_is_anchored
FROM delivery AS d
WHERE d.identity = :identity AND d.lane = :lane AND d.state = 'due' AND d.is_behind = 0 AND d.due_at <= :now
  AND d.suspected_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery AS r
                  WHERE r.identity = d.identity AND r.lane = d.lane AND r.state = 'running')
ORDER BY d.due_at, d.delivery_id LIMIT :limit;

-- name: due_lanes
-- Lanes of which `select_due` would select something.
SELECT d.lane FROM delivery AS d
WHERE d.identity = :identity AND d.state = 'due' AND d.is_behind = 0 AND d.due_at <= :now
  AND d.suspected_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery AS r
                  WHERE r.identity = d.identity AND r.lane = d.lane AND r.state = 'running')
GROUP BY d.lane ORDER BY min(d.due_at), min(d.delivery_id) LIMIT :limit;

-- name: select_one
-- Of one that does not run; whatever it waits for.
SELECT d.delivery_id, d.identity, d.handler, d.lane, d.chat_id, d.entry_id, d.handled_seq, d.wanted_seq,
       d.turn, d.attempts, d.due_at, d.holes, d.dead_letter_id, d.suspected_at, d.deaths, d.shown_seq, d.shown_ids,
       NOT EXISTS (SELECT 1 FROM delivery AS u WHERE u.identity = d.identity AND u.lane = d.lane
                   AND u.handled_seq IS NULL AND u.chat_id IS NOT NULL AND u.entry_id IS NULL
                   AND u.dead_letter_id IS NULL) AS lane_is_anchored
FROM delivery AS d
WHERE d.delivery_id = :delivery_id AND d.identity = :identity AND d.state = 'due';

-- name: backlog
-- Chats whose messages wait.
SELECT delivery_id, handler, chat_id, handled_seq, wanted_seq FROM delivery
WHERE identity = :identity AND state = 'due' AND is_behind = 0 AND entry_id IS NULL AND dead_letter_id IS NULL
  AND chat_id IS NOT NULL AND delivery_id > :after AND (:chat_id IS NULL OR chat_id = :chat_id)
ORDER BY delivery_id LIMIT :limit;

-- name: work
-- What runs, and what is due first.
SELECT d.delivery_id, d.handler, d.lane, d.chat_id, e.kind AS event, d.dead_letter_id, d.state, d.is_behind, d.attempts,
       coalesce(d.waiting_since, d.due_at) AS since, d.due_at, d.last_error, d.handled_seq, d.wanted_seq,
       d.suspected_at IS NOT NULL AS is_suspect
FROM delivery AS d LEFT JOIN entry AS e USING (entry_id)
WHERE d.delivery_id IN (
  SELECT r.delivery_id FROM delivery AS r WHERE r.identity = :identity AND r.state = 'running'
  UNION ALL
  SELECT * FROM (SELECT w.delivery_id FROM delivery AS w
                 WHERE w.identity = :identity AND w.state = 'due' AND w.is_behind IN (0, 1)
                 ORDER BY w.due_at, w.delivery_id LIMIT :limit) AS waiting)
ORDER BY d.state DESC, d.due_at, d.delivery_id;

-- name: work_item
SELECT d.delivery_id, d.handler, d.lane, d.chat_id, e.kind AS event, d.dead_letter_id, d.state, d.is_behind, d.attempts,
       coalesce(d.waiting_since, d.due_at) AS since, d.due_at, d.last_error, d.handled_seq, d.wanted_seq,
       d.suspected_at IS NOT NULL AS is_suspect
FROM delivery AS d LEFT JOIN entry AS e USING (entry_id)
WHERE d.delivery_id = :delivery_id AND d.identity = :identity AND d.state IN ('due', 'running');

-- name: others_of_chat
-- How far at least each other handler of the chat has been given or told of it; and of a revived letter its own.
SELECT min(GREATEST(wanted_seq, coalesce(handled_seq, 0))) AS others_seq,
       max(CASE WHEN handler = :handler THEN handled_seq ELSE NULL END) AS living_seq
FROM delivery
WHERE identity = :identity AND lane = :lane AND entry_id IS NULL AND dead_letter_id IS NULL
  AND chat_id IS NOT NULL AND delivery_id <> :delivery_id;

-- name: suspects
SELECT handler, lane, deaths FROM delivery
WHERE identity = :identity AND suspected_at IS NOT NULL ORDER BY suspected_at, delivery_id;

-- name: note_shown
UPDATE delivery SET shown_seq = :shown_seq, shown_ids = :shown_ids
WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim;

-- name: next_due_at
-- What is due already and unclaimed waits for its lane, not for the clock; what is parked, for neither.
SELECT min(due_at) FROM delivery
WHERE identity = :identity AND state = 'due' AND is_behind = 0 AND due_at > :after_time AND due_at < :parked_at;

-- name: rewind
UPDATE delivery
SET due_at = GREATEST(:now, due_at - :seconds),
    hole_at = CASE WHEN due_at IS NOT DISTINCT FROM hole_at THEN GREATEST(:now, due_at - :seconds) ELSE hole_at END
WHERE identity = :identity AND state = 'due' AND is_behind IN (0, 1) AND due_at > :now AND due_at < :parked_at;

-- name: rewind_timers
UPDATE timer
SET due_at = GREATEST(:now, due_at - :seconds), look_at = LEAST(look_at, GREATEST(:now, due_at - :seconds))
WHERE identity = :identity AND due_at > :now AND is_relative <> 0;

-- name: anchor
-- A revived letter has a span of its own.
UPDATE delivery SET handled_seq = :handled_seq, start_seq = :handled_seq
WHERE identity = :identity AND lane = :lane AND handled_seq IS NULL AND chat_id IS NOT NULL AND entry_id IS NULL
  AND dead_letter_id IS NULL;

-- name: finish_chat
-- What was wanted at the claim is satisfied, even if the history never showed that number; what was raised
-- since then is still wanted. Without a handled_seq the cursor stays, be it that it has no start yet.
UPDATE delivery
SET handled_seq = coalesce(GREATEST(handled_seq, :handled_seq), handled_seq, :handled_seq),
    wanted_seq = GREATEST(CASE WHEN wanted_seq > :claimed_seq THEN wanted_seq ELSE 0 END, :wanted_seq,
                          GREATEST(coalesce(handled_seq, 0), coalesce(:handled_seq, 0)) + look_again),
    state = CASE WHEN :hole_at IS NOT NULL OR look_again <> 0
                   OR GREATEST(CASE WHEN wanted_seq > :claimed_seq THEN wanted_seq ELSE 0 END, :wanted_seq)
                      > GREATEST(coalesce(handled_seq, 0), coalesce(:handled_seq, 0)) THEN 'due' ELSE 'idle' END,
    due_at = CASE WHEN :hole_at IS NULL OR look_again <> 0
                    OR GREATEST(CASE WHEN wanted_seq > :claimed_seq THEN wanted_seq ELSE 0 END, :wanted_seq)
                       > GREATEST(coalesce(handled_seq, 0), coalesce(:handled_seq, 0)) THEN :now ELSE :hole_at END,
    holes = :holes, hole_at = :hole_at,
    look_again = 0, attempts = 0, last_error = NULL, waiting_since = NULL, turn = turn + 1,
    suspected_at = NULL, deaths = 0, shown_seq = NULL, shown_ids = NULL
WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim
  AND entry_id IS NULL AND dead_letter_id IS NULL;

-- name: finish_once
-- Event work and revived letters have no cursor to keep.
DELETE FROM delivery
WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim
  AND (entry_id IS NOT NULL OR dead_letter_id IS NOT NULL);

-- name: postpone
UPDATE delivery
SET state = 'due', due_at = :due_at, attempts = attempts + :spent, last_error = coalesce(:error, last_error),
    is_behind = CASE WHEN EXISTS (SELECT 1 FROM delivery AS e
                                  WHERE e.identity = delivery.identity AND e.handler = delivery.handler
                                    AND e.lane = delivery.lane AND e.entry_id < delivery.entry_id) THEN 1 ELSE 0 END,
    waiting_since = coalesce(waiting_since, due_at)
WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim;

-- name: known_seq
-- How far a chat is known to go without reading it: what was told, and what a send of this turn had before it.
SELECT handled_seq, told_seq,
       (SELECT max(i.base_seq) FROM intent AS i
        WHERE i.delivery_id = d.delivery_id AND i.turn = d.turn AND i.state <> 'refused') AS shown_seq
FROM delivery AS d WHERE d.delivery_id = :delivery_id;

-- name: give_up_unread
UPDATE delivery SET given_up_seq = told_seq
WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim;

-- name: delete_open_letters
-- The next one says the same.
DELETE FROM dead_letter
WHERE through_seq IS NULL AND chat_id IS NOT NULL AND entry_id IS NULL
  AND (identity, handler, lane) = (SELECT identity, handler, lane FROM delivery
                                   WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim);

-- name: head_skip
UPDATE dead_letter SET skip_id = dead_letter_id WHERE dead_letter_id = :dead_letter_id;

-- name: letters_of_skip
SELECT dead_letter_id FROM dead_letter
WHERE identity = :identity AND skip_id = :dead_letter_id ORDER BY dead_letter_id;

-- name: own_letter
SELECT dead_letter_id FROM dead_letter WHERE dead_letter_id = :dead_letter_id AND identity = :identity;

-- name: prune_turns
-- A few at a time, however many there are too many.
DELETE FROM turn
WHERE turn_id IN (SELECT turn_id FROM turn WHERE turn_id <= :through ORDER BY turn_id LIMIT :limit);

-- name: select_turns
-- Those that are to be replayed, newest first. It reads the whole log, which is bounded, beside the daemon.
SELECT turn_id FROM turn
WHERE turn_id > 0 AND identity = :identity
  AND (:handler IS NULL OR handler = :handler) AND (:chat_id IS NULL OR chat_id = :chat_id)
  AND (:since IS NULL OR ended_at >= :since) AND (:until IS NULL OR ended_at < :until)
ORDER BY turn_id DESC LIMIT :limit;

-- name: read_turns
-- A page of the log.
SELECT t.turn_id, t.handler, t.lane, t.chat_id, e.raw, t.attempt, t.kind, t.shown, t.said, t.done, t.raised,
       t.began_at, t.ended_at
FROM turn AS t LEFT JOIN entry AS e USING (entry_id)
WHERE t.turn_id > :after_id AND t.identity = :identity ORDER BY t.turn_id LIMIT :limit;

-- name: turn_handlers
SELECT DISTINCT handler FROM turn WHERE turn_id > 0 AND identity = :identity ORDER BY handler;

-- name: dead_letters
SELECT l.dead_letter_id, l.identity, l.handler, l.lane, l.chat_id, l.after_seq, l.through_seq, l.holes,
       l.message_ids, l.attempts, l.reason, l.trace, l.buried_at, e.raw AS frame, l.skip_id, l.messages
FROM dead_letter AS l LEFT JOIN entry AS e USING (entry_id)
WHERE l.identity = :identity ORDER BY l.dead_letter_id;

-- name: read_open_letter
SELECT identity, handler, lane, chat_id FROM dead_letter
WHERE dead_letter_id = :dead_letter_id AND chat_id IS NOT NULL AND entry_id IS NULL AND coalesce(through_seq, 0) = 0;

-- name: revive
INSERT INTO delivery (identity, handler, lane, chat_id, entry_id, dead_letter_id, handled_seq, wanted_seq,
                      holes, state, due_at)
SELECT identity, handler, lane, chat_id, entry_id, dead_letter_id, after_seq, coalesce(through_seq, 0),
       holes, 'due', :now
FROM dead_letter WHERE dead_letter_id = :dead_letter_id
RETURNING delivery_id;

-- name: put_in_order
-- A revived event may come before those that wait, or behind one that was revived before it.
UPDATE delivery
SET is_behind = CASE WHEN EXISTS (SELECT 1 FROM delivery AS e
                                  WHERE e.identity = delivery.identity AND e.handler = delivery.handler
                                    AND e.lane = delivery.lane AND e.entry_id < delivery.entry_id) THEN 1 ELSE 0 END
WHERE (identity, handler, lane) = (SELECT r.identity, r.handler, r.lane FROM delivery AS r
                                   WHERE r.delivery_id = :delivery_id)
  AND entry_id IS NOT NULL AND state = 'due';

-- name: bury_intents
-- A turn that ends with an unresolved send: nobody looks any more, so that it is the operator's to tell.
UPDATE intent SET state = 'unknown' WHERE delivery_id = :delivery_id AND turn = :turn AND state = 'intended';

-- name: revive_intents
UPDATE intent SET delivery_id = :delivery_id, turn = 0
WHERE (delivery_id, turn) = (SELECT delivery_id, turn FROM dead_letter WHERE dead_letter_id = :dead_letter_id);

-- name: delete_dead_letter
DELETE FROM dead_letter WHERE dead_letter_id = :dead_letter_id;

-- name: read_items
SELECT key, value, version FROM item WHERE identity = :identity AND plugin = :plugin AND chat_id = :chat_id;

-- name: has_items
SELECT EXISTS (SELECT 1 FROM item WHERE identity = :identity AND plugin = :plugin);

-- name: stores
SELECT plugin, chat_id, count(*) AS items, CAST(sum(length(key) + length(value)) AS bigint) AS size FROM item
WHERE identity = :identity GROUP BY plugin, chat_id ORDER BY plugin, chat_id;

-- name: all_items
SELECT plugin, chat_id, key, value FROM item
WHERE identity = :identity ORDER BY plugin, chat_id, key;

-- name: clear_items
DELETE FROM item
WHERE identity = :identity AND plugin = :plugin AND (:chat_id IS NULL OR chat_id = :chat_id);

-- name: item_version
SELECT coalesce((SELECT version FROM item
                 WHERE identity = :identity AND plugin = :plugin AND chat_id = :chat_id AND key = :key), 0);

-- name: delete_item
DELETE FROM item WHERE identity = :identity AND plugin = :plugin AND chat_id = :chat_id AND key = :key;

-- name: cancel_timer
DELETE FROM timer WHERE identity = :identity AND plugin = :plugin AND name = :name AND key = :key;

-- name: firings_of_timer
SELECT entry_id, identity, handler, lane FROM firing
WHERE identity = :identity AND plugin = :plugin AND name = :name AND key = :key;

-- name: cancel_firing
-- One that runs, or that has said something, goes on.
DELETE FROM delivery
WHERE identity = :identity AND handler = :handler AND lane = :lane AND entry_id = :entry_id AND state = 'due'
  AND NOT EXISTS (SELECT 1 FROM intent AS i WHERE i.delivery_id = delivery.delivery_id)
  AND NOT EXISTS (SELECT 1 FROM utterance AS u WHERE u.delivery_id = delivery.delivery_id);

-- name: delete_firing
DELETE FROM firing WHERE entry_id = :entry_id;

-- name: delete_firing_of_letter
DELETE FROM firing
WHERE entry_id = (SELECT entry_id FROM dead_letter WHERE dead_letter_id = :dead_letter_id);

-- name: timers
SELECT identity, plugin, name, key, due_at, is_relative, data FROM timer
WHERE identity = :identity ORDER BY due_at, plugin, name, key;

-- name: settle_timers
-- Those that were put off, up to a time to look at them.
UPDATE timer SET look_at = due_at WHERE identity = :identity AND look_at <= :through_time AND look_at < due_at;

-- name: timers_due
-- Once they are settled through that time.
SELECT identity, plugin, name, key, due_at, is_relative, data FROM timer
WHERE identity = :identity AND look_at <= :now ORDER BY look_at;

-- name: some_timer_at
-- When one of them is due; what is due before it is to be looked at before it.
SELECT due_at FROM timer WHERE identity = :identity AND look_at > :after_time ORDER BY look_at LIMIT 1;

-- name: next_timer_at
-- Once they are settled through when one of them is due.
SELECT min(look_at) FROM timer WHERE identity = :identity AND look_at > :after_time;

-- name: take_timer
-- One that was set anew meanwhile is another one.
DELETE FROM timer
WHERE identity = :identity AND plugin = :plugin AND name = :name AND key = :key AND due_at = :due_at AND data = :data;

-- name: waiting_event
SELECT 1 FROM delivery
WHERE identity = :identity AND handler = :handler AND lane = :lane AND entry_id IS NOT NULL AND state = 'due'
LIMIT 1;

-- name: insert_firing
INSERT INTO firing (entry_id, identity, plugin, name, key, due_at, data, handler, lane)
VALUES (:entry_id, :identity, :plugin, :name, :key, :due_at, :data, :handler, :lane);

-- name: read_firing
SELECT entry_id, name, key, due_at, data FROM firing WHERE entry_id = :entry_id;

-- name: has_utterance
SELECT 1 FROM utterance
WHERE delivery_id = :delivery_id AND turn = :turn AND chat_id = :chat_id AND ordinal = :ordinal;

-- name: insert_utterance
INSERT INTO utterance (entry_id, identity, handler, lane, chat_id, delivery_id, turn, ordinal, content, mentions,
                       on_conflict, made_at, known_seq)
VALUES (:entry_id, :identity, :handler, :lane, :chat_id, :delivery_id, :turn, :ordinal, :content, :mentions,
        :on_conflict, :made_at,
        coalesce(
          :known_seq,
          (SELECT nullif(max(GREATEST(coalesce(d.handled_seq, 0), d.told_seq, d.given_up_seq)), 0) FROM delivery AS d
           WHERE d.identity = :identity AND d.lane = :lane AND d.entry_id IS NULL AND d.dead_letter_id IS NULL)));

-- name: read_utterance
SELECT identity, handler, lane, chat_id, delivery_id, turn, ordinal, content, mentions, on_conflict, known_seq, made_at
FROM utterance WHERE entry_id = :entry_id;

-- name: end_utterance
-- As `sent_of_turn`: what the operator has settled has no message's number.
UPDATE utterance
SET content = NULL,
    (said_seq, message_id) = (SELECT coalesce(i.message_seq, i.base_seq), i.message_id FROM intent AS i
                              WHERE i.delivery_id = :delivery_id AND i.turn = :turn AND i.state = 'sent'
                              ORDER BY i.ordinal LIMIT 1)
WHERE entry_id = :entry_id;

-- name: spoken
-- What became of an utterance; a dead letter's may be tried again.
SELECT u.content IS NOT NULL AS is_kept, u.said_seq, u.message_id, l.reason
FROM utterance AS u LEFT JOIN dead_letter AS l ON l.entry_id = u.entry_id
WHERE u.delivery_id = :delivery_id AND u.turn = :turn AND u.chat_id = :chat_id AND u.ordinal = :ordinal;

-- name: erase_utterance_of_letter
UPDATE utterance SET content = NULL
WHERE entry_id = (SELECT entry_id FROM dead_letter WHERE dead_letter_id = :dead_letter_id);

-- name: revive_utterances
-- What a dead letter's turn has said first it says no second time.
UPDATE utterance SET delivery_id = :delivery_id, turn = 0
WHERE (delivery_id, turn) = (SELECT delivery_id, turn FROM dead_letter WHERE dead_letter_id = :dead_letter_id);

-- name: waiting_utterances
-- The oldest; one of a dead letter does not wait.
SELECT u.handler, u.chat_id, u.made_at, d.attempts FROM utterance AS u
JOIN delivery AS d ON d.identity = u.identity AND d.handler = u.handler AND d.lane = u.lane AND d.entry_id = u.entry_id
WHERE u.identity = :identity AND u.content IS NOT NULL ORDER BY u.made_at LIMIT 10;

-- name: insert_question
INSERT INTO question (entry_id, identity, plugin, name, handler, lane, chat_id, utterance_id, user_id, data, made_at,
                      state)
VALUES (:entry_id, :identity, :plugin, :name, :handler, :lane, :chat_id, :utterance_id, :user_id, :data, :made_at,
        'made');

-- name: read_question
SELECT * FROM known_question WHERE entry_id = :entry_id;

-- name: questions_of_chat
-- Those that an answer may still come to, and the answers above a number.
SELECT * FROM known_question
WHERE identity = :identity AND chat_id = :chat_id AND state IN ('made', 'open', 'overdue')
UNION ALL
SELECT * FROM known_question
WHERE identity = :identity AND chat_id = :chat_id AND state = 'answered' AND closed_seq > :after_seq;

-- name: undecided_questions
SELECT entry_id, identity, plugin, name, handler, state FROM question
WHERE identity = :identity AND state IN ('made', 'open', 'overdue') ORDER BY entry_id;

-- name: open_questions
-- The oldest, and how many there are.
SELECT count(*) OVER () AS questions, plugin, name, chat_id, made_at FROM question
WHERE identity = :identity AND state IN ('made', 'open', 'overdue') ORDER BY made_at, entry_id LIMIT 1;

-- name: chats_with_questions
SELECT DISTINCT chat_id FROM question WHERE identity = :identity;

-- name: first_open_question
SELECT entry_id FROM question
WHERE identity = :identity AND chat_id = :chat_id AND state IN ('made', 'open', 'overdue') AND state = 'open'
ORDER BY asked_seq LIMIT 1;

-- name: question_of_utterance
SELECT entry_id, state FROM question WHERE utterance_id = :utterance_id;

-- name: question_of_letter
SELECT q.entry_id, l.buried_at FROM question AS q JOIN dead_letter AS l ON l.entry_id = q.utterance_id
WHERE l.dead_letter_id = :dead_letter_id;

-- name: sent_of_turn
SELECT coalesce(message_seq, base_seq) AS asked_seq, message_id FROM intent
WHERE delivery_id = :delivery_id AND turn = :turn AND state = 'sent' ORDER BY ordinal LIMIT 1;

-- name: open_question
UPDATE question
SET asked_seq = :asked_seq, message_id = :message_id, state = CASE WHEN state = 'made' THEN 'open' ELSE state END
WHERE entry_id = :entry_id;

-- name: leave_unsaid
UPDATE question SET state = 'unsaid' WHERE entry_id = :entry_id AND state = 'made';

-- name: question_overdue
UPDATE question SET state = 'overdue' WHERE entry_id = :entry_id AND state IN ('made', 'open');

-- name: answer_question
UPDATE question
SET state = 'answered', closed_seq = :closed_seq, asked_seq = coalesce(asked_seq, :asked_seq),
    message_id = coalesce(message_id, :message_id)
WHERE entry_id = :entry_id AND identity = :identity AND state IN ('made', 'open', 'overdue');

-- name: time_question_out
UPDATE question
SET state = CASE WHEN coalesce(asked_seq, :asked_seq) IS NULL THEN 'unsaid' ELSE 'timed_out' END,
    closed_seq = :closed_seq,
    asked_seq = coalesce(asked_seq, :asked_seq), message_id = coalesce(message_id, :message_id)
WHERE entry_id = :entry_id AND identity = :identity AND state = 'overdue';

-- name: forget_question
UPDATE question SET state = 'forgotten', data = NULL WHERE entry_id = :entry_id;

-- name: forget_answer_of_letter
UPDATE question
SET data = NULL, state = CASE WHEN state = 'overdue' THEN 'forgotten' ELSE state END
WHERE entry_id = (SELECT entry_id FROM dead_letter WHERE dead_letter_id = :dead_letter_id);

-- name: rename_question_handler
UPDATE question SET handler = :handler WHERE entry_id = :entry_id;

-- name: erase_question
UPDATE question SET data = NULL WHERE entry_id = :entry_id AND state NOT IN ('made', 'open', 'overdue');

-- name: erase_utterance_of_question
UPDATE utterance SET content = NULL
WHERE entry_id = (SELECT utterance_id FROM question WHERE question.entry_id = :entry_id);

-- name: delete_letters_of_question
DELETE FROM dead_letter WHERE entry_id = :entry_id;

-- name: delete_work_of_question
DELETE FROM delivery
WHERE (identity, handler, lane, entry_id) = (SELECT identity, handler, lane, entry_id FROM question
                                             WHERE entry_id = :entry_id) AND state = 'due';

-- name: insert_answer
-- Once for each question at a time: a look that is made right now is made again.
INSERT INTO delivery (identity, handler, lane, chat_id, entry_id, state, due_at, is_behind)
SELECT q.identity, q.handler, q.lane, q.chat_id, q.entry_id, 'due', :now,
       CASE WHEN EXISTS (SELECT 1 FROM delivery AS e
                         WHERE e.identity = q.identity AND e.handler = q.handler AND e.lane = q.lane
                           AND e.entry_id < q.entry_id) THEN 1 ELSE 0 END
FROM question AS q WHERE q.entry_id = :entry_id
ON CONFLICT (identity, handler, lane, entry_id) WHERE entry_id IS NOT NULL DO UPDATE
SET look_again = CASE WHEN delivery.state = 'running' THEN 1 ELSE delivery.look_again END;

-- name: look_on
UPDATE delivery
SET state = 'due', due_at = :now, look_again = 0, attempts = 0, last_error = NULL, waiting_since = NULL,
    suspected_at = NULL, deaths = 0, shown_seq = NULL, shown_ids = NULL
WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim AND look_again = 1
  AND (SELECT q.state FROM question AS q WHERE q.entry_id = delivery.entry_id) IN ('made', 'open', 'overdue');

-- name: untold_answers
SELECT d.handler FROM question AS q
JOIN delivery AS d ON d.identity = q.identity AND d.handler = q.handler AND d.lane = q.lane AND d.entry_id = q.entry_id
WHERE d.identity = :identity AND d.lane = :lane AND q.state = 'answered';

-- name: chat_cursors
SELECT handler, handled_seq, start_seq, wanted_seq, given_up_seq, holes FROM delivery
WHERE identity = :identity AND lane = :lane AND chat_id IS NOT NULL AND entry_id IS NULL AND dead_letter_id IS NULL;

-- name: read_reading
SELECT read_seq, holes, version FROM reading WHERE identity = :identity AND plugin = :plugin AND chat_id = :chat_id;

-- name: reading_version
SELECT coalesce((SELECT version FROM reading
                 WHERE identity = :identity AND plugin = :plugin AND chat_id = :chat_id), 0);

-- name: write_reading
INSERT INTO reading (identity, plugin, chat_id, read_seq, holes, version)
VALUES (:identity, :plugin, :chat_id, :read_seq, :holes, :version)
ON CONFLICT (identity, plugin, chat_id) DO UPDATE
SET read_seq = excluded.read_seq, holes = excluded.holes, version = excluded.version;

-- name: read_entry
SELECT identity, epoch, seq, kind, fingerprint, ts, raw, received_at FROM entry WHERE entry_id = :entry_id;

-- name: write_intent
INSERT INTO intent (delivery_id, turn, ordinal, identity, handler, chat_id, base_seq, content_hash, state, message_id,
                    message_seq, intended_at, plugin, unattended_at)
VALUES (:delivery_id, :turn, :ordinal, :identity, :handler, :chat_id, :base_seq, :content_hash, :state, :message_id,
        :message_seq, :intended_at, :plugin,
        CASE WHEN :is_unattended AND :state <> 'refused' THEN :intended_at ELSE NULL END)
ON CONFLICT (delivery_id, turn, ordinal) DO UPDATE
SET base_seq = excluded.base_seq, content_hash = excluded.content_hash, state = excluded.state,
    message_id = excluded.message_id, message_seq = excluded.message_seq, intended_at = excluded.intended_at,
    unattended_at = excluded.unattended_at
WHERE intent.state <> 'sent';

-- name: unresolved
SELECT delivery_id, turn, ordinal, identity, handler, chat_id, base_seq, content_hash, state, message_id, message_seq,
       intended_at, unattended_at IS NOT NULL AS is_unattended
FROM intent WHERE identity = :identity AND state IN ('intended', 'unknown')
ORDER BY intended_at, delivery_id, turn, ordinal;

-- name: park
UPDATE intent SET state = 'unknown'
WHERE delivery_id = :delivery_id AND turn = :turn AND state = 'intended' AND intended_at <= :before
RETURNING delivery_id, turn, ordinal, identity, handler, chat_id, base_seq, content_hash, state, message_id,
          message_seq, intended_at, unattended_at IS NOT NULL AS is_unattended;

-- name: hasten
UPDATE delivery SET due_at = :now
WHERE identity = :identity AND state = 'due' AND is_behind IN (0, 1) AND due_at > :now
  AND (delivery_id = :delivery_id OR substr(handler, 1, length(:plugin) + 1) = :plugin || '.');

-- name: resolve
UPDATE intent SET state = :state, unattended_at = CASE WHEN :state = 'refused' THEN NULL ELSE unattended_at END
WHERE identity = :identity AND delivery_id = :delivery_id AND turn = :turn AND ordinal = :ordinal
  AND state = 'unknown';

-- name: count_unattended
-- Each no further than it matters, so that the cost is bounded.
SELECT (SELECT count(*) FROM (SELECT DISTINCT delivery_id, turn FROM intent
                              WHERE identity = :identity AND chat_id = :chat_id
                                AND unattended_at IS NOT NULL
                                AND NOT (delivery_id = :delivery_id AND turn = :turn)
                              LIMIT :turns) AS found) AS turns,
       (SELECT count(*) FROM (SELECT 1 FROM intent
                              WHERE identity = :identity AND chat_id = :chat_id AND unattended_at > :since
                              LIMIT :chat_sends) AS found) AS chat_sends,
       (SELECT count(*) FROM (SELECT 1 FROM intent
                              WHERE identity = :identity AND plugin = :plugin AND unattended_at > :since
                              LIMIT :plugin_sends) AS found) AS plugin_sends;

-- name: unattended_chats
SELECT chat_id FROM intent WHERE identity = :identity AND unattended_at IS NOT NULL
UNION SELECT chat_id FROM hold WHERE identity = :identity;

-- name: attend
UPDATE intent SET unattended_at = NULL
WHERE identity = :identity AND chat_id = :chat_id AND unattended_at IS NOT NULL;

-- name: hold
INSERT INTO hold (identity, chat_id, reason, held_at) VALUES (:identity, :chat_id, :reason, :now)
ON CONFLICT DO NOTHING;

-- name: release
DELETE FROM hold WHERE identity = :identity AND chat_id = :chat_id;

-- name: holds
SELECT chat_id, reason, held_at FROM hold WHERE identity = :identity ORDER BY held_at, chat_id;

-- name: pause
INSERT INTO pause (identity, kind, name, paused_at) VALUES (:identity, :kind, :name, :now)
ON CONFLICT DO NOTHING;

-- name: resume
DELETE FROM pause WHERE identity = :identity AND kind = :kind AND name = :name;

-- name: pauses
SELECT kind, name, paused_at FROM pause WHERE identity = :identity ORDER BY paused_at, kind, name;

-- name: park_due
-- What waits already, at once: claims would pass over each of them one by one.
UPDATE delivery SET waiting_since = coalesce(waiting_since, due_at), due_at = :parked_at
WHERE identity = :identity AND state = 'due' AND is_behind IN (0, 1) AND due_at < :parked_at
  AND CASE :kind WHEN 'chat' THEN chat_id = :name ELSE substr(handler, 1, length(:name) + 1) = :name || '.' END;

-- name: await_resume
UPDATE delivery
SET state = 'due',
    due_at = CASE WHEN EXISTS (SELECT 1 FROM pause AS p
                               WHERE p.identity = delivery.identity
                                 AND (p.kind = 'agent'
                                      OR (p.kind = 'chat' AND p.name = delivery.chat_id)
                                      OR (p.kind = 'plugin'
                                          AND substr(delivery.handler, 1, length(p.name) + 1) = p.name || '.')))
                  THEN :parked_at ELSE :now END,
    is_behind = CASE WHEN EXISTS (SELECT 1 FROM delivery AS e
                                  WHERE e.identity = delivery.identity AND e.handler = delivery.handler
                                    AND e.lane = delivery.lane AND e.entry_id < delivery.entry_id) THEN 1 ELSE 0 END,
    waiting_since = coalesce(waiting_since, due_at)
WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim;

-- name: unpark
-- Due in the order in which it was before. What something else pauses still is parked again by its next claim.
UPDATE delivery SET due_at = coalesce(waiting_since, 0)
WHERE identity = :identity AND state = 'due' AND is_behind IN (0, 1) AND due_at >= :parked_at
  AND CASE :kind WHEN 'agent' THEN TRUE WHEN 'chat' THEN chat_id = :name
      ELSE substr(handler, 1, length(:name) + 1) = :name || '.' END;

-- name: sent_message_ids
SELECT message_id FROM intent
WHERE identity = :identity AND chat_id = :chat_id AND state = 'sent' AND message_seq > :after_seq;

-- name: own_sends
-- Of sends without a message's id the lowest base_seq of each content comes last, to stand.
-- Plan: intent_message and intent_unplaced.
SELECT message_id, content_hash, base_seq FROM intent
WHERE identity = :identity AND chat_id = :chat_id AND state = 'sent' AND message_seq > :after_seq
UNION ALL
SELECT NULL, content_hash, base_seq FROM intent
WHERE identity = :identity AND chat_id = :chat_id AND message_id IS NULL
ORDER BY base_seq DESC;

-- name: own_through
SELECT seq FROM own_through WHERE identity = :identity AND chat_id = :chat_id;

-- name: letters_by_age
SELECT dead_letter_id AS id, identity, buried_at AS at FROM dead_letter
WHERE dead_letter_id > :after ORDER BY dead_letter_id LIMIT :limit;

-- name: count_expired
INSERT INTO expired_letters (identity, letters, expired_at) VALUES (:identity, 1, :now)
ON CONFLICT (identity) DO UPDATE SET letters = expired_letters.letters + 1, expired_at = excluded.expired_at;

-- name: page_of_questions
-- How many rows a page has, how many of them are old, and which is the last. As a page of the other tables, one row:
-- each row that is given waits for the interpreter's lock.
SELECT count(*) AS looked, max(entry_id) AS through, count(*) FILTER (WHERE made_at < :before) AS old
FROM (SELECT entry_id, made_at FROM question WHERE entry_id > :after ORDER BY entry_id LIMIT :limit) AS page;

-- name: prune_questions
-- Decided, and its handler has been told; and whoever has open work in the chat is past the answer.
DELETE FROM question
WHERE entry_id > :after AND entry_id <= :through AND made_at < :before
  AND state NOT IN ('made', 'open', 'overdue') AND data IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.entry_id = question.entry_id)
  AND NOT EXISTS (SELECT 1 FROM dead_letter AS l WHERE l.entry_id = question.entry_id)
  AND NOT EXISTS (SELECT 1 FROM delivery AS d
                  WHERE d.identity = question.identity AND d.lane = question.lane AND d.entry_id IS NULL
                    AND d.dead_letter_id IS NULL AND d.state <> 'idle'
                    AND coalesce(d.handled_seq, 0) < coalesce(question.closed_seq, 0));

-- name: page_of_utterances
SELECT count(*) AS looked, max(entry_id) AS through, count(*) FILTER (WHERE made_at < :before) AS old
FROM (SELECT entry_id, made_at FROM utterance WHERE entry_id > :after ORDER BY entry_id LIMIT :limit) AS page;

-- name: prune_utterances
-- Its words have gone, and so has the turn that made it, which is not run again.
DELETE FROM utterance
WHERE entry_id > :after AND entry_id <= :through AND made_at < :before AND content IS NULL
  AND NOT EXISTS (SELECT 1 FROM question AS q WHERE q.utterance_id = utterance.entry_id)
  AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.entry_id = utterance.entry_id)
  AND NOT EXISTS (SELECT 1 FROM dead_letter AS l WHERE l.entry_id = utterance.entry_id)
  AND NOT EXISTS (SELECT 1 FROM delivery AS d
                  WHERE d.delivery_id = utterance.delivery_id AND d.turn <= utterance.turn)
  AND NOT EXISTS (SELECT 1 FROM dead_letter AS l
                  WHERE l.delivery_id = utterance.delivery_id AND l.turn = utterance.turn);

-- name: page_of_turns
SELECT count(*) AS looked, max(turn_id) AS through, count(*) FILTER (WHERE ended_at < :before) AS old
FROM (SELECT turn_id, ended_at FROM turn WHERE turn_id > :after ORDER BY turn_id LIMIT :limit) AS page;

-- name: prune_old_turns
DELETE FROM turn WHERE turn_id > :after AND turn_id <= :through AND ended_at < :before;

-- name: page_of_sends
-- Plan: intent_settled. All of them are old.
SELECT count(*) OVER () AS looked, intended_at, delivery_id, turn, ordinal
FROM (SELECT intended_at, delivery_id, turn, ordinal FROM intent
      WHERE state IN ('sent', 'refused') AND unattended_at IS NULL
        AND (intended_at, delivery_id, turn, ordinal) > (:intended_at, :delivery_id, :turn, :ordinal)
        AND intended_at < :before
      ORDER BY intended_at, delivery_id, turn, ordinal LIMIT :limit) AS page
ORDER BY intended_at DESC, delivery_id DESC, turn DESC, ordinal DESC LIMIT 1;

-- name: page_of_entries
SELECT count(*) AS looked, max(entry_id) AS through, count(*) FILTER (WHERE received_at < :before) AS old
FROM (SELECT entry_id, received_at FROM entry WHERE entry_id > :after ORDER BY entry_id LIMIT :limit) AS page;

-- name: statistics
-- The terms of a partial index must stand as they are in it, else it is not used. What may be many is counted up to a
-- bound: the whole backlog of a bad week would be read each time that somebody looks.
-- The newest entry is never deleted, so its number is how many there have been.
SELECT (SELECT coalesce(max(entry_id), 0) FROM entry) AS entries,
       (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE identity = :identity AND state = 'due' LIMIT :most) AS found)
         AS due,
       (SELECT count(*) FROM delivery WHERE identity = :identity AND state = 'running') AS running,
       (SELECT count(DISTINCT lane)
        FROM (SELECT lane FROM delivery WHERE identity = :identity AND state = 'due' AND is_behind = 0
              ORDER BY due_at LIMIT :most_lanes) AS found) AS lanes,
       (SELECT count(*) FROM delivery WHERE identity = :identity AND suspected_at IS NOT NULL) AS suspects,
       (SELECT min(due_at)
        FROM (SELECT min(due_at) AS due_at FROM delivery
              WHERE identity = :identity AND state = 'due' AND is_behind = 0
              UNION ALL
              SELECT min(due_at) FROM delivery WHERE identity = :identity AND state = 'due' AND is_behind = 1) AS found)
         AS oldest_due_at,
       (SELECT count(*) FROM intent
        WHERE identity = :identity AND state IN ('intended', 'unknown') AND state = 'intended') AS intents_unsettled,
       (SELECT count(*) FROM intent
        WHERE identity = :identity AND state IN ('intended', 'unknown') AND state = 'unknown') AS intents_unknown,
       (SELECT count(*) FROM (SELECT DISTINCT coalesce(skip_id, dead_letter_id) FROM dead_letter
                              WHERE identity = :identity LIMIT :most) AS found) AS dead_letters,
       coalesce((SELECT letters FROM expired_letters WHERE identity = :identity), 0) AS letters_expired;

-- name: longest_waiting
-- The first by each index; one that was postponed has waited since it was first due.
SELECT delivery_id, handler, lane, chat_id, state, attempts, since, due_at, last_error FROM (
  SELECT * FROM (SELECT delivery_id, handler, lane, chat_id, state, attempts, coalesce(waiting_since, due_at) AS since,
                        due_at, last_error
                 FROM delivery WHERE identity = :identity AND state = 'due' AND is_behind = 0
                 ORDER BY due_at LIMIT :limit) AS found
  UNION
  SELECT * FROM (SELECT delivery_id, handler, lane, chat_id, state, attempts, coalesce(waiting_since, due_at) AS since,
                        due_at, last_error
                 FROM delivery WHERE identity = :identity AND state = 'running' ORDER BY due_at LIMIT :limit) AS found
  UNION
  SELECT * FROM (SELECT delivery_id, handler, lane, chat_id, state, attempts, waiting_since AS since, due_at, last_error
                 FROM delivery WHERE identity = :identity AND waiting_since IS NOT NULL
                 ORDER BY waiting_since LIMIT :limit) AS found
) AS waiting ORDER BY since, delivery_id LIMIT :limit;

-- name: next_timers
-- Without what they are about.
SELECT plugin, name, due_at FROM timer
WHERE identity = :identity ORDER BY due_at LIMIT :limit;

-- name: identities
-- Whose work is in a journal that is read without its daemon.
SELECT identity FROM checkpoint UNION SELECT identity FROM dead_letter;

-- name: read_snapshot
SELECT kind, key, state FROM snapshot WHERE identity = :identity;

-- name: read_change
SELECT state FROM snapshot WHERE identity = :identity AND kind = :kind AND key = :key;

-- name: write_change
INSERT INTO snapshot (identity, kind, key, state) VALUES (:identity, :kind, :key, :state)
ON CONFLICT (identity, kind, key) DO UPDATE SET state = excluded.state;

-- name: delete_change
DELETE FROM snapshot WHERE identity = :identity AND kind = :kind AND key = :key;
