-- What SQLite reads beside `verbs/queries.sql`.

-- name: lease
INSERT INTO lease (identity, token) VALUES (:identity, 1)
ON CONFLICT (identity) DO UPDATE SET token = token + 1
RETURNING token;

-- name: insert_entries
-- A replayed number changes nothing.
INSERT INTO entry (identity, epoch, seq, kind, fingerprint, ts, raw, received_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (identity, epoch, seq) WHERE seq IS NOT NULL DO NOTHING;

-- name: want_chats
-- Raise the level of chats. A running delivery may have read the chat before that, up to any number; and what it was to
-- look for may not have been there yet when it is told of it again. It has to look once more in both cases.
INSERT INTO delivery (identity, handler, lane, chat_id, handled_seq, start_seq, wanted_seq, told_seq, state, due_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'due', ?)
ON CONFLICT (identity, handler, lane) WHERE entry_id IS NULL AND dead_letter_id IS NULL DO UPDATE
SET wanted_seq = max(wanted_seq, excluded.wanted_seq),
    told_seq = max(told_seq, excluded.told_seq),
    look_again = iif(state = 'running' AND excluded.wanted_seq <= wanted_seq, 1, look_again),
    due_at = iif(state = 'idle' OR due_at IS hole_at, excluded.due_at, due_at),
    state = CASE state WHEN 'idle' THEN 'due' ELSE state END
WHERE excluded.wanted_seq > max(coalesce(handled_seq, 0), given_up_seq)
  AND (state = 'running' OR excluded.wanted_seq > wanted_seq OR excluded.told_seq > told_seq);

-- name: look_at_chats
-- As above, where the hint has no number: look once more than is wanted already.
INSERT INTO delivery (identity, handler, lane, chat_id, wanted_seq, state, due_at)
VALUES (?, ?, ?, ?, 0, 'due', ?)
ON CONFLICT (identity, handler, lane) WHERE entry_id IS NULL AND dead_letter_id IS NULL DO UPDATE
SET wanted_seq = max(wanted_seq, coalesce(handled_seq, 0)) + 1,
    look_again = iif(state = 'running', 1, look_again),
    due_at = iif(state = 'idle' OR due_at IS hole_at, excluded.due_at, due_at),
    state = CASE state WHEN 'idle' THEN 'due' ELSE state END;

-- name: select_due
-- Longest due first. Plan: delivery_due for the scan, delivery_running for the exclusion.
SELECT d.delivery_id, d.identity, d.handler, d.lane, d.chat_id, d.entry_id, d.handled_seq, d.wanted_seq,
       d.turn, d.attempts, d.due_at, d.holes, d.dead_letter_id, d.suspected_at, d.deaths, d.shown_seq, d.shown_ids,
       NOT EXISTS (SELECT 1 FROM delivery AS u WHERE u.identity = d.identity AND u.lane = d.lane
                   AND u.handled_seq IS NULL AND u.chat_id IS NOT NULL AND u.entry_id IS NULL
                   AND u.dead_letter_id IS NULL) AS lane_is_anchored
FROM delivery AS d
WHERE d.identity = :identity AND d.state = 'due' AND d.is_behind = 0 AND d.due_at <= :now
  AND d.suspected_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery AS r
                  WHERE r.identity = d.identity AND r.lane = d.lane AND r.state = 'running')
ORDER BY d.due_at, d.delivery_id;

-- name: select_suspects
-- There are never more than could run at once.
SELECT d.delivery_id, d.identity, d.handler, d.lane, d.chat_id, d.entry_id, d.handled_seq, d.wanted_seq,
       d.turn, d.attempts, d.due_at, d.holes, d.dead_letter_id, d.suspected_at, d.deaths, d.shown_seq, d.shown_ids,
       NOT EXISTS (SELECT 1 FROM delivery AS u WHERE u.identity = d.identity AND u.lane = d.lane
                   AND u.handled_seq IS NULL AND u.chat_id IS NOT NULL AND u.entry_id IS NULL
                   AND u.dead_letter_id IS NULL) AS lane_is_anchored
FROM delivery AS d INDEXED BY delivery_suspect
WHERE d.identity = :identity AND d.state = 'due' AND d.is_behind = 0 AND d.due_at <= :now
  AND d.suspected_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM delivery AS r
                  WHERE r.identity = d.identity AND r.lane = d.lane AND r.state = 'running')
ORDER BY d.deaths, d.due_at, d.delivery_id;

-- name: claim
-- Counts each delivery's claims and never forgets the count, so that no claim is like an earlier one.
UPDATE delivery
SET state = 'running', claim = coalesce(claim, 0) + 1, look_again = 0
WHERE delivery_id = :delivery_id AND state = 'due'
RETURNING claim;

-- name: expect_end
INSERT INTO expected_end (identity) VALUES (:identity) ON CONFLICT DO NOTHING;

-- name: forget_end
DELETE FROM expected_end WHERE identity = :identity;

-- name: count_death
-- Against the only suspect that ran.
UPDATE delivery SET deaths = deaths + 1
WHERE identity = :identity AND state = 'running' AND suspected_at IS NOT NULL
  AND 1 = (SELECT count(*) FROM delivery AS s
           WHERE s.identity = :identity AND s.state = 'running' AND s.suspected_at IS NOT NULL);

-- name: suspect
UPDATE delivery SET suspected_at = coalesce(suspected_at, :now) WHERE identity = :identity AND state = 'running';

-- name: recover
UPDATE delivery
SET state = 'due', due_at = :now + :pause * deaths * deaths,
    is_behind = EXISTS (SELECT 1 FROM delivery AS e
                        WHERE e.identity = delivery.identity AND e.handler = delivery.handler
                          AND e.lane = delivery.lane AND e.entry_id < delivery.entry_id)
WHERE identity = :identity AND state = 'running';

-- name: running
-- Those that may have read their chat.
SELECT delivery_id FROM delivery
WHERE identity = :identity AND state = 'running' AND chat_id IS NOT NULL
  AND (entry_id IS NULL OR EXISTS (SELECT 1 FROM utterance AS u WHERE u.entry_id = delivery.entry_id)
       OR EXISTS (SELECT 1 FROM question AS q WHERE q.entry_id = delivery.entry_id));

-- name: insert_dead_letter
INSERT INTO dead_letter (identity, handler, lane, chat_id, entry_id, after_seq, through_seq, holes, message_ids,
                         attempts, reason, trace, buried_at, delivery_id, turn, skip_id, messages)
SELECT identity, handler, lane, chat_id, entry_id, coalesce(handled_seq, :after_seq), :through_seq, :late, :message_ids,
       attempts + :spent, :reason, :trace, :now, delivery_id, turn, :skip_id, :messages
FROM delivery WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim;

-- name: log_turn
INSERT INTO turn (identity, handler, lane, chat_id, entry_id, delivery_id, turn, attempt, kind, shown, said, done, raised,
                  began_at, ended_at)
SELECT identity, handler, lane, chat_id, entry_id, delivery_id, turn, :attempt, :kind, :shown, :said, :done, :raised,
       :began_at, :now
FROM delivery WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim;

-- name: dead_letters_before_skips
-- Of a journal that no daemon has had since an upgrade.
SELECT l.dead_letter_id, l.identity, l.handler, l.lane, l.chat_id, l.after_seq, l.through_seq, l.holes,
       l.message_ids, l.attempts, l.reason, l.trace, l.buried_at, e.raw AS frame
FROM dead_letter AS l LEFT JOIN entry AS e USING (entry_id)
WHERE l.identity = :identity ORDER BY l.dead_letter_id;

-- name: write_item
INSERT INTO item (value, version, identity, plugin, chat_id, key)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = excluded.value, version = excluded.version;

-- name: insert_item
INSERT INTO item (value, version, identity, plugin, chat_id, key)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: update_item
UPDATE item SET value = ?, version = ?
WHERE identity = ? AND plugin = ? AND chat_id = ? AND key = ? AND version = ?;

-- name: set_timers
-- Those that are new, or put off: as most are that are set for each message. The index is not written for the latter.
INSERT INTO timer (identity, plugin, name, key, due_at, data, is_relative, look_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE
SET due_at = excluded.due_at, is_relative = excluded.is_relative, data = excluded.data
WHERE look_at <= excluded.look_at;

-- name: set_timers_sooner
-- As above, if one of them is to be looked at before its present time.
INSERT INTO timer (identity, plugin, name, key, due_at, data, is_relative, look_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE
SET due_at = excluded.due_at, is_relative = excluded.is_relative, data = excluded.data, look_at = excluded.look_at;

-- name: adopt_pauses
-- Those of before the first contact, when nobody knew whose they would be.
UPDATE OR REPLACE pause SET identity = :identity WHERE identity = '';

-- name: captured_of_turns
-- The newest captured run among those that `prune_old_turns` removes.
SELECT json_extract(shown, '$.captured') FROM turn
WHERE turn_id > :after AND turn_id <= :through AND ended_at < :before
  AND json_extract(shown, '$.captured') IS NOT NULL ORDER BY turn_id DESC LIMIT 1;

-- name: forgettable_sends
-- Plan: intent_settled. Their keys as JSON. What the operator has said of a send, without a message, stays. So does a
-- send that stands above one which is still looked for, as a refused one is while its turn is not over: its message would
-- be taken for that one's.
SELECT json_group_array(json_array(delivery_id, turn, ordinal)) FROM intent
WHERE state IN ('sent', 'refused') AND unattended_at IS NULL
  AND (intended_at, delivery_id, turn, ordinal) > (:intended_at, :delivery_id, :turn, :ordinal)
  AND (intended_at, delivery_id, turn, ordinal)
      <= (:last_intended_at, :last_delivery_id, :last_turn, :last_ordinal)
  AND (state = 'refused' OR message_id IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.delivery_id = intent.delivery_id AND d.turn <= intent.turn)
  AND NOT EXISTS (SELECT 1 FROM dead_letter AS l WHERE l.delivery_id = intent.delivery_id AND l.turn = intent.turn)
  AND (state = 'refused'
       OR NOT EXISTS (SELECT 1 FROM intent AS u
                      WHERE u.identity = intent.identity AND u.chat_id = intent.chat_id AND u.message_id IS NULL
                        AND u.state <> 'sent' AND u.base_seq < intent.message_seq
                        AND (u.state <> 'refused'
                             OR EXISTS (SELECT 1 FROM delivery AS d
                                        WHERE d.delivery_id = u.delivery_id AND d.turn <= u.turn)
                             OR EXISTS (SELECT 1 FROM dead_letter AS l
                                        WHERE l.delivery_id = u.delivery_id AND l.turn = u.turn))));

-- name: explain_own
-- What is about to be forgotten was the agent's own.
INSERT INTO own_through (identity, chat_id, seq)
SELECT identity, chat_id, max(message_seq) FROM intent
WHERE message_seq IS NOT NULL AND (delivery_id, turn, ordinal) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
    FROM json_each(:sends))
GROUP BY identity, chat_id
ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq);

-- name: prune_sends
DELETE FROM intent
WHERE (delivery_id, turn, ordinal) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
    FROM json_each(:sends));

-- name: prune_entries
-- What is named, and what is kept of numbers (the newest of each checkpoint's epoch, of which there may be fewer than are
-- to be kept), is found once, not once a row.
DELETE FROM entry
WHERE entry_id > :after AND entry_id <= :through AND received_at < :before
  AND entry_id < (SELECT max(entry_id) FROM entry)
  AND entry_id NOT IN (
    SELECT entry_id FROM delivery WHERE entry_id > :after AND entry_id <= :through
    UNION ALL SELECT entry_id FROM dead_letter WHERE entry_id > :after AND entry_id <= :through
    UNION ALL SELECT entry_id FROM firing WHERE entry_id > :after AND entry_id <= :through
    UNION ALL SELECT entry_id FROM turn WHERE entry_id > :after AND entry_id <= :through
    UNION ALL SELECT entry_id FROM utterance WHERE entry_id > :after AND entry_id <= :through
    UNION ALL SELECT entry_id FROM question WHERE entry_id > :after AND entry_id <= :through
    UNION ALL SELECT utterance_id FROM question WHERE utterance_id > :after AND utterance_id <= :through)
  AND NOT EXISTS (
    WITH kept AS MATERIALIZED (
      SELECT c.identity, c.epoch,
             (SELECT e.seq FROM entry AS e
              WHERE e.identity = c.identity AND e.epoch = c.epoch AND e.seq IS NOT NULL
              ORDER BY e.seq DESC LIMIT 1 OFFSET :kept) AS seq
      FROM checkpoint AS c)
    SELECT 1 FROM kept AS k
    WHERE k.identity = entry.identity AND k.epoch = entry.epoch AND entry.seq >= coalesce(k.seq, entry.seq));

-- name: bury_restored
-- Event work of a restored journal: what it was to do may have been done since. Looks for answers are made again.
INSERT INTO dead_letter (identity, handler, lane, chat_id, entry_id, after_seq, through_seq, holes, message_ids,
                         attempts, reason, trace, buried_at, delivery_id, turn)
SELECT d.identity, d.handler, d.lane, d.chat_id, d.entry_id, d.handled_seq, NULL, '[]', '[]', d.attempts, :reason, '',
       :now, d.delivery_id, d.turn
FROM delivery AS d JOIN entry AS e USING (entry_id)
WHERE e.kind <> :question;

-- name: doubt_restored
-- As `bury_intents`.
UPDATE intent SET state = 'unknown'
WHERE state = 'intended'
  AND delivery_id IN (SELECT d.delivery_id FROM delivery AS d JOIN entry AS e USING (entry_id) WHERE e.kind <> :question);

-- name: forget_restored
DELETE FROM delivery WHERE entry_id IN (SELECT entry_id FROM entry WHERE kind <> :question);

-- name: drop_restored_timers
-- Those of schedules are planned anew, and those of questions only end a wait.
DELETE FROM timer WHERE due_at <= :now AND name NOT LIKE '?%' RETURNING plugin, name;

-- name: forget_lists
DELETE FROM snapshot WHERE substr(kind, 1, length(:told)) <> :told;

-- name: read_log_link
SELECT log_id, after_id, is_followed FROM log_link;

-- name: follow_log
UPDATE log_link SET is_followed = :is_followed;

-- name: name_log
UPDATE log_link SET log_id = :log_id;

-- name: begin_log
UPDATE log_link SET after_id = log_id, log_id = :log_id, is_followed = 0;

-- name: auto_vacuum
PRAGMA auto_vacuum;

-- name: page_count
PRAGMA page_count;

-- name: page_size
PRAGMA page_size;

-- name: freelist_count
PRAGMA freelist_count;

-- name: give_page_back
-- Only the first page of several: this is a statement that gives rows which the driver does not ask for.
PRAGMA incremental_vacuum(1);

-- name: intents_of_turn
SELECT delivery_id, turn, ordinal, identity, handler, chat_id, base_seq, content_hash, state, message_id, message_seq,
       intended_at, unattended_at IS NOT NULL AS is_unattended
FROM intent WHERE delivery_id = :delivery_id AND turn = :turn ORDER BY ordinal;

-- name: intend
-- By whoever has the delivery; what is sent stays sent.
INSERT INTO intent (delivery_id, turn, ordinal, identity, handler, chat_id, base_seq, content_hash, state, message_id,
                    message_seq, intended_at, plugin, unattended_at)
SELECT delivery_id, :turn, :ordinal, :identity, :handler, :chat_id, :base_seq, :content_hash, :state, :message_id,
       :message_seq, :intended_at, :plugin, iif(:is_unattended, :intended_at, NULL)
FROM delivery WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim
ON CONFLICT (delivery_id, turn, ordinal) DO UPDATE
SET base_seq = excluded.base_seq, content_hash = excluded.content_hash, state = excluded.state,
    message_id = excluded.message_id, message_seq = excluded.message_seq, intended_at = excluded.intended_at,
    unattended_at = excluded.unattended_at
WHERE intent.state <> 'sent';
