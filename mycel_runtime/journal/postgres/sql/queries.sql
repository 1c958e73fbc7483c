-- What PostgreSQL reads beside `verbs/queries.sql`.
--
-- What a name of either stands for, where its statement does not say so: PostgreSQL cannot always tell. The others are
-- text.
-- bigint: after after_id after_seq asked_seq attempt attempts base_seq chat_sends claim claimed_seq closed_seq commits
--   dead_letter_id delivery_id entry_id epoch handled_seq kept known_seq last_delivery_id last_ordinal last_turn
--   limit message_seq messages most most_lanes ordinal pid plugin_sends read_seq seq shown_seq since_seq skip_id
--   spent started through through_seq token turn turns utterance_id version wanted_seq
-- float8: after_time before began_at due_at ended_at hole_at intended_at last_intended_at lease_seconds made_at now
--   parked_at pause seconds since through_time until
-- bool: is_unattended

-- name: insert_entries
-- Rows as columns, one array each; none of them twice. A replayed number changes nothing, and takes no id. That it is
-- not there is asked between two bounds: of an equality the database makes a hash of the whole table, in a plan that it
-- keeps from when that was small.
INSERT INTO entry (identity, epoch, seq, kind, fingerprint, ts, raw, received_at)
SELECT g.identity, g.epoch, g.seq, g.kind, g.fingerprint, g.ts, g.raw, g.received_at
FROM unnest(?::text[], ?::bigint[], ?::bigint[], ?::text[], ?::text[], ?::float8[], ?::text[], ?::float8[])
     WITH ORDINALITY AS g (identity, epoch, seq, kind, fingerprint, ts, raw, received_at, place)
WHERE g.seq IS NULL
   OR NOT EXISTS (SELECT 1 FROM entry AS e
                  WHERE e.identity = g.identity AND e.epoch = g.epoch AND e.seq >= g.seq AND e.seq <= g.seq)
ORDER BY g.place
RETURNING entry_id;

-- name: want_chats
-- Raise the level of chats. A running delivery may have read the chat before that, up to any number; and what it was to
-- look for may not have been there yet when it is told of it again. It has to look once more in both cases.
INSERT INTO delivery (identity, handler, lane, chat_id, handled_seq, start_seq, wanted_seq, told_seq, state, due_at)
SELECT g.identity, g.handler, g.lane, g.chat_id, g.handled_seq, g.start_seq, g.wanted_seq, g.told_seq, 'due', g.due_at
FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[],
            ?::float8[])
     WITH ORDINALITY
     AS g (identity, handler, lane, chat_id, handled_seq, start_seq, wanted_seq, told_seq, due_at, place)
ORDER BY g.place
ON CONFLICT (identity, handler, lane) WHERE entry_id IS NULL AND dead_letter_id IS NULL DO UPDATE
SET wanted_seq = GREATEST(delivery.wanted_seq, excluded.wanted_seq),
    told_seq = GREATEST(delivery.told_seq, excluded.told_seq),
    look_again = CASE WHEN delivery.state = 'running' AND excluded.wanted_seq <= delivery.wanted_seq THEN 1
                      ELSE delivery.look_again END,
    due_at = CASE WHEN delivery.state = 'idle' OR delivery.due_at IS NOT DISTINCT FROM delivery.hole_at
                  THEN excluded.due_at ELSE delivery.due_at END,
    state = CASE delivery.state WHEN 'idle' THEN 'due' ELSE delivery.state END
WHERE excluded.wanted_seq > GREATEST(coalesce(delivery.handled_seq, 0), delivery.given_up_seq)
  AND (delivery.state = 'running' OR excluded.wanted_seq > delivery.wanted_seq
       OR excluded.told_seq > delivery.told_seq);

-- name: look_at_chats
-- As above, where the hint has no number: look once more than is wanted already.
INSERT INTO delivery (identity, handler, lane, chat_id, wanted_seq, state, due_at)
SELECT g.identity, g.handler, g.lane, g.chat_id, 0, 'due', g.due_at
FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::float8[])
     WITH ORDINALITY AS g (identity, handler, lane, chat_id, due_at, place)
ORDER BY g.place
ON CONFLICT (identity, handler, lane) WHERE entry_id IS NULL AND dead_letter_id IS NULL DO UPDATE
SET wanted_seq = GREATEST(delivery.wanted_seq, coalesce(delivery.handled_seq, 0)) + 1,
    look_again = CASE WHEN delivery.state = 'running' THEN 1 ELSE delivery.look_again END,
    due_at = CASE WHEN delivery.state = 'idle' OR delivery.due_at IS NOT DISTINCT FROM delivery.hole_at
                  THEN excluded.due_at ELSE delivery.due_at END,
    state = CASE delivery.state WHEN 'idle' THEN 'due' ELSE delivery.state END;

-- name: select_due
-- The first of each free lane, longest due first. Plan: delivery_due for the scan, delivery_first and delivery_running
-- for the exclusions; what is above the limit is not read. That it is the first is asked by its number and not as that
-- there is none before it: that would be a join, of which the database reads the whole backlog for each row as long as
-- it believes that there is none (before it has counted a hundred thousand that have just come, or were just copied).
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
  AND d.delivery_id = (SELECT f.delivery_id FROM delivery AS f
                       WHERE f.identity = d.identity AND f.lane = d.lane AND f.state = 'due' AND f.is_behind = 0
                         AND f.suspected_at IS NULL
                       ORDER BY f.due_at, f.delivery_id LIMIT 1)
ORDER BY d.due_at, d.delivery_id LIMIT :limit;

-- name: select_suspects
-- There are never more than could run at once.
SELECT d.delivery_id, d.identity, d.handler, d.lane, d.chat_id, d.entry_id, d.handled_seq, d.wanted_seq,
       d.turn, d.attempts, d.due_at, d.holes, d.dead_letter_id, d.suspected_at, d.deaths, d.shown_seq, d.shown_ids,
       NOT EXISTS (SELECT 1 FROM delivery AS u WHERE u.identity = d.identity AND u.lane = d.lane
                   AND u.handled_seq IS NULL AND u.chat_id IS NOT NULL AND u.entry_id IS NULL
                   AND u.dead_letter_id IS NULL) AS lane_is_anchored
FROM delivery AS d
WHERE d.identity = :identity AND d.state = 'due' AND d.is_behind = 0 AND d.due_at <= :now
  AND d.suspected_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM delivery AS r
                  WHERE r.identity = d.identity AND r.lane = d.lane AND r.state = 'running')
ORDER BY d.deaths, d.due_at, d.delivery_id;

-- name: claim
-- Counts each delivery's claims and never forgets the count, so that no claim is like an earlier one. Whose process
-- has it is known, so that nobody takes over what another one's still has.
UPDATE delivery
SET state = 'running', claim = coalesce(claim, 0) + 1, look_again = 0, process_id = :process
WHERE delivery_id = :delivery_id AND state = 'due'
RETURNING claim;

-- name: count_death
-- Against the only suspect that ran.
WITH left_over AS (
  SELECT d.delivery_id FROM delivery AS d
  WHERE d.identity = :identity AND d.state = 'running' AND d.suspected_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM process AS p
                    WHERE p.process_id = d.process_id AND p.process_id <> :process AND p.lost_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM expected_end AS e WHERE e.identity = :identity AND e.process_id = d.process_id))
UPDATE delivery SET deaths = deaths + 1
WHERE delivery_id IN (SELECT l.delivery_id FROM left_over AS l) AND 1 = (SELECT count(*) FROM left_over);

-- name: expect_end
INSERT INTO expected_end (identity, process_id) VALUES (:identity, :process) ON CONFLICT DO NOTHING;

-- name: forget_end
-- Of whom nothing runs any more.
DELETE FROM expected_end
WHERE identity = :identity
  AND NOT EXISTS (SELECT 1 FROM process AS p
                  WHERE p.process_id = expected_end.process_id AND p.process_id <> :process AND p.lost_at IS NULL);

-- name: suspect
UPDATE delivery SET suspected_at = coalesce(suspected_at, :now)
WHERE identity = :identity AND state = 'running'
  AND NOT EXISTS (SELECT 1 FROM process AS p
                  WHERE p.process_id = delivery.process_id AND p.process_id <> :process AND p.lost_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM expected_end AS e
                  WHERE e.identity = :identity AND e.process_id = delivery.process_id);

-- name: recover
-- Whose process is known to be another one's is left alone: see `bury_process`.
UPDATE delivery
SET state = 'due', due_at = :now + :pause * deaths * deaths,
    is_behind = (EXISTS (SELECT 1 FROM delivery AS e
                         WHERE e.identity = delivery.identity AND e.handler = delivery.handler
                           AND e.lane = delivery.lane AND e.entry_id < delivery.entry_id))::int
WHERE identity = :identity AND state = 'running'
  AND NOT EXISTS (SELECT 1 FROM process AS p
                  WHERE p.process_id = delivery.process_id AND p.process_id <> :process AND p.lost_at IS NULL);

-- name: first_orphan
SELECT d.delivery_id FROM delivery AS d
WHERE d.identity = :identity AND d.state = 'running'
  AND NOT EXISTS (SELECT 1 FROM process AS p WHERE p.process_id = d.process_id AND p.lost_at IS NULL)
LIMIT 1;

-- name: running
-- Those that may have read their chat.
SELECT delivery_id FROM delivery
WHERE identity = :identity AND state = 'running' AND chat_id IS NOT NULL
  AND (entry_id IS NULL OR EXISTS (SELECT 1 FROM utterance AS u WHERE u.entry_id = delivery.entry_id)
       OR EXISTS (SELECT 1 FROM question AS q WHERE q.entry_id = delivery.entry_id))
  AND NOT EXISTS (SELECT 1 FROM process AS p
                  WHERE p.process_id = delivery.process_id AND p.process_id <> :process AND p.lost_at IS NULL);

-- name: insert_dead_letter
INSERT INTO dead_letter (identity, handler, lane, chat_id, entry_id, after_seq, through_seq, holes, message_ids,
                         attempts, reason, trace, buried_at, delivery_id, turn, skip_id, messages)
SELECT identity, handler, lane, chat_id, entry_id, coalesce(handled_seq, :after_seq), :through_seq, :late, :message_ids,
       attempts + :spent, :reason, :trace, :now, delivery_id, turn, :skip_id, :messages
FROM delivery WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim
RETURNING dead_letter_id;

-- name: log_turn
INSERT INTO turn (identity, handler, lane, chat_id, entry_id, delivery_id, turn, attempt, kind, shown, said, done,
                  raised, began_at, ended_at)
SELECT identity, handler, lane, chat_id, entry_id, delivery_id, turn, :attempt, :kind, :shown, :said, :done, :raised,
       :began_at, :now
FROM delivery WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim
RETURNING turn_id;

-- name: write_item
INSERT INTO item (value, version, identity, plugin, chat_id, key)
SELECT * FROM unnest(?::text[], ?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[])
ON CONFLICT (identity, plugin, chat_id, key) DO UPDATE SET value = excluded.value, version = excluded.version;

-- name: insert_item
INSERT INTO item (value, version, identity, plugin, chat_id, key)
SELECT * FROM unnest(?::text[], ?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[])
ON CONFLICT (identity, plugin, chat_id, key) DO NOTHING;

-- name: update_item
UPDATE item SET value = g.value, version = g.version
FROM unnest(?::text[], ?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[])
     AS g (value, version, identity, plugin, chat_id, key, made_from)
WHERE item.identity = g.identity AND item.plugin = g.plugin AND item.chat_id = g.chat_id AND item.key = g.key
  AND item.version = g.made_from;

-- name: set_timers
-- Those that are new, or put off: as most are that are set for each message. The index is not written for the latter.
INSERT INTO timer (identity, plugin, name, key, due_at, data, is_relative, look_at)
SELECT DISTINCT ON (g.identity, g.plugin, g.name, g.key)
       g.identity, g.plugin, g.name, g.key, g.due_at, g.data, g.is_relative, g.look_at
FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::float8[], ?::text[], ?::bigint[], ?::float8[])
     WITH ORDINALITY AS g (identity, plugin, name, key, due_at, data, is_relative, look_at, place)
ORDER BY g.identity, g.plugin, g.name, g.key, g.place DESC
ON CONFLICT (identity, plugin, name, key) DO UPDATE
SET due_at = excluded.due_at, is_relative = excluded.is_relative, data = excluded.data
WHERE timer.look_at <= excluded.look_at;

-- name: set_timers_sooner
-- As above, if one of them is to be looked at before its present time.
INSERT INTO timer (identity, plugin, name, key, due_at, data, is_relative, look_at)
SELECT DISTINCT ON (g.identity, g.plugin, g.name, g.key)
       g.identity, g.plugin, g.name, g.key, g.due_at, g.data, g.is_relative, g.look_at
FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::float8[], ?::text[], ?::bigint[], ?::float8[])
     WITH ORDINALITY AS g (identity, plugin, name, key, due_at, data, is_relative, look_at, place)
ORDER BY g.identity, g.plugin, g.name, g.key, g.place DESC
ON CONFLICT (identity, plugin, name, key) DO UPDATE
SET due_at = excluded.due_at, is_relative = excluded.is_relative, data = excluded.data, look_at = excluded.look_at;

-- name: adopt_pauses
-- Those of before the first contact, when nobody knew whose they would be, of this process's place
-- (`journal.pause_place`): others of the database are other agents'.
WITH nobodys AS (DELETE FROM pause
                 WHERE identity = (SELECT 'place:' || place FROM process WHERE process_id = :process)
                 RETURNING kind, name, paused_at)
INSERT INTO pause (identity, kind, name, paused_at)
SELECT :identity, n.kind, n.name, n.paused_at FROM nobodys AS n
ON CONFLICT (identity, kind, name) DO UPDATE SET paused_at = excluded.paused_at;

-- name: prune_turns_beside_others
-- A few at a time, however many there are too many, of whichever identity: those that nobody else removes just now.
DELETE FROM turn
WHERE turn_id IN (SELECT t.turn_id FROM turn AS t WHERE t.turn_id <= :through ORDER BY t.turn_id LIMIT :limit
                  FOR UPDATE SKIP LOCKED);

-- name: captured_of_turns
-- The newest captured run among those that `prune_old_turns` removes.
SELECT shown::json ->> 'captured' FROM turn
WHERE turn_id > :after AND turn_id <= :through AND ended_at < :before
  AND shown::json ->> 'captured' IS NOT NULL ORDER BY turn_id DESC LIMIT 1;

-- name: forgettable_sends
-- Plan: intent_settled. Their keys as JSON. What the operator has said of a send, without a message, stays. So does a
-- send that stands above one which is still looked for, as a refused one is while its turn is not over: its message
-- would be taken for that one's.
SELECT coalesce(json_agg(json_build_array(delivery_id, turn, ordinal)), '[]')::text FROM intent
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
    SELECT (s.value ->> 0)::bigint, (s.value ->> 1)::bigint, (s.value ->> 2)::bigint
    FROM json_array_elements(:sends::json) AS s (value))
GROUP BY identity, chat_id
ON CONFLICT (identity, chat_id) DO UPDATE SET seq = GREATEST(own_through.seq, excluded.seq);

-- name: prune_sends
DELETE FROM intent
WHERE (delivery_id, turn, ordinal) IN (
    SELECT (s.value ->> 0)::bigint, (s.value ->> 1)::bigint, (s.value ->> 2)::bigint
    FROM json_array_elements(:sends::json) AS s (value));

-- name: prune_entries
-- What is named, and what is kept of numbers (the newest of each checkpoint's epoch, of which there may be fewer than
-- are to be kept), is found once, not once a row.
WITH kept AS MATERIALIZED (
  SELECT c.identity, c.epoch,
         (SELECT e.seq FROM entry AS e
          WHERE e.identity = c.identity AND e.epoch = c.epoch AND e.seq IS NOT NULL
          ORDER BY e.seq DESC LIMIT 1 OFFSET :kept) AS seq
  FROM checkpoint AS c),
named AS MATERIALIZED (
  SELECT entry_id FROM delivery WHERE entry_id > :after AND entry_id <= :through
  UNION ALL SELECT entry_id FROM dead_letter WHERE entry_id > :after AND entry_id <= :through
  UNION ALL SELECT entry_id FROM firing WHERE entry_id > :after AND entry_id <= :through
  UNION ALL SELECT entry_id FROM turn WHERE entry_id > :after AND entry_id <= :through
  UNION ALL SELECT entry_id FROM utterance WHERE entry_id > :after AND entry_id <= :through
  UNION ALL SELECT entry_id FROM question WHERE entry_id > :after AND entry_id <= :through
  UNION ALL SELECT utterance_id FROM question WHERE utterance_id > :after AND utterance_id <= :through)
DELETE FROM entry
WHERE entry_id > :after AND entry_id <= :through AND received_at < :before
  AND entry_id < (SELECT max(e.entry_id) FROM entry AS e)
  AND NOT EXISTS (SELECT 1 FROM named AS n WHERE n.entry_id = entry.entry_id)
  AND NOT EXISTS (
    SELECT 1 FROM kept AS k
    WHERE k.identity = entry.identity AND k.epoch = entry.epoch AND entry.seq >= coalesce(k.seq, entry.seq));

-- name: intents_of_turn
-- In doubt is one that a process was about to say of which nobody knows that it is dead, though it has lost what it had.
SELECT delivery_id, turn, ordinal, identity, handler, chat_id, base_seq, content_hash, state, message_id, message_seq,
       intended_at, unattended_at IS NOT NULL AS is_unattended,
       state IN ('intended', 'unknown')
         AND EXISTS (SELECT 1 FROM process AS p WHERE p.process_id = intent.process_id AND p.lost_at IS NOT NULL)
         AS is_in_doubt
FROM intent WHERE delivery_id = :delivery_id AND turn = :turn ORDER BY ordinal;

-- name: intend
-- By whoever has the delivery; what is sent stays sent.
INSERT INTO intent (delivery_id, turn, ordinal, identity, handler, chat_id, base_seq, content_hash, state, message_id,
                    message_seq, intended_at, plugin, unattended_at, process_id)
SELECT d.delivery_id, :turn, :ordinal, :identity, :handler, :chat_id, :base_seq, :content_hash, :state, :message_id,
       :message_seq, :intended_at, :plugin,
       CASE WHEN :is_unattended THEN :intended_at ELSE NULL END, :process
FROM delivery AS d WHERE d.delivery_id = :delivery_id AND d.state = 'running' AND d.claim = :claim
ON CONFLICT (delivery_id, turn, ordinal) DO UPDATE
SET base_seq = excluded.base_seq, content_hash = excluded.content_hash, state = excluded.state,
    message_id = excluded.message_id, message_seq = excluded.message_seq, intended_at = excluded.intended_at,
    unattended_at = excluded.unattended_at, process_id = excluded.process_id
WHERE intent.state <> 'sent';

-- name: own_claim
SELECT 1 FROM delivery WHERE delivery_id = :delivery_id AND state = 'running' AND claim = :claim;

-- name: read_lease
SELECT l.token, l.expires_at, p.process_id IS NOT NULL AS is_held, p.host, p.pid
FROM lease AS l LEFT JOIN process AS p ON p.process_id = l.process_id AND p.lost_at IS NULL
WHERE l.identity = :identity;

-- name: own_lease
-- Its time may be over: as long as nobody else has taken it, it stands.
SELECT 1 FROM lease WHERE identity = :identity AND token = :token AND process_id = :process;

-- name: write_lease
INSERT INTO lease (identity, token, process_id, expires_at) VALUES (:identity, 1, :process, :due_at)
ON CONFLICT (identity) DO UPDATE
SET token = lease.token + 1, process_id = excluded.process_id, expires_at = excluded.expires_at
RETURNING token;

-- name: renew_lease
UPDATE lease SET expires_at = :due_at
WHERE identity = :identity AND token = :token AND process_id = :process;

-- name: release_lease
UPDATE lease SET process_id = NULL WHERE identity = :identity AND token = :token AND process_id = :process;

-- name: release_leases
-- Of a process that ends.
UPDATE lease SET process_id = NULL WHERE process_id = :process;

-- name: stand_by
-- Journals of this process would be at work; one that was taken for dead is not there any more.
INSERT INTO candidate (process_id, identity)
SELECT p.process_id, g.identity
FROM unnest(?::text[], ?::text[]) AS g (process_id, identity)
JOIN process AS p ON p.process_id = g.process_id AND p.lost_at IS NULL
ON CONFLICT (process_id) DO NOTHING;

-- name: candidates
SELECT c.identity, p.process_id, p.machine_id, p.boot_id, p.namespace, p.pid, p.started, p.host, p.place, p.opened_at,
       p.seen_at, extract(epoch FROM clock_timestamp())::float8 AS now
FROM candidate AS c JOIN process AS p ON p.process_id = c.process_id AND p.lost_at IS NULL;

-- name: leases
-- Those that somebody has, be it that their time is over.
SELECT l.identity, l.expires_at, p.process_id, p.machine_id, p.boot_id, p.namespace, p.pid, p.started, p.host, p.place
FROM lease AS l JOIN process AS p ON p.process_id = l.process_id AND p.lost_at IS NULL;

-- name: register_process
INSERT INTO process (process_id, machine_id, boot_id, namespace, pid, started, host, place, opened_at, seen_at,
                     lease_seconds)
VALUES (:process_id, :machine_id, :boot_id, :namespace, :pid, :started, :host, :place, :now, :now, :lease_seconds)
ON CONFLICT (process_id) DO NOTHING;

-- name: beat
-- They live. Whose row is in use right now is not waited for: others have it in another order.
UPDATE process SET seen_at = g.seen_at
FROM unnest(?::text[], ?::float8[]) AS g (process_id, seen_at)
WHERE process.process_id = g.process_id
  AND process.process_id IN (SELECT p.process_id FROM process AS p WHERE p.process_id = g.process_id
                             FOR UPDATE SKIP LOCKED);

-- name: other_processes
-- Those that have something of an identity, or of which it is in doubt whether they will yet say something as it.
SELECT p.process_id, p.machine_id, p.boot_id, p.namespace, p.pid, p.started, p.host, p.place, p.seen_at,
       p.lease_seconds, p.lost_at
FROM process AS p
WHERE p.process_id <> :process
  AND (p.process_id IN (SELECT d.process_id FROM delivery AS d WHERE d.identity = :identity AND d.state = 'running')
       OR p.process_id IN (SELECT l.process_id FROM lease AS l WHERE l.identity = :identity)
       OR p.process_id IN (SELECT i.process_id FROM intent AS i
                           WHERE i.identity = :identity AND i.state IN ('intended', 'unknown')))
ORDER BY p.process_id;

-- name: end_process
-- By its own word.
DELETE FROM process WHERE process_id = :process;

-- name: bury_process
-- It is proven dead, or the operator says so. Of whoever has a row of a process right now nobody waits for another
-- one's: it is another's who finds the same, or beats. The own row comes before (`session.py`).
DELETE FROM process
WHERE process_id IN (SELECT p.process_id FROM process AS p WHERE p.process_id = :process_id FOR UPDATE SKIP LOCKED);

-- name: used_bytes
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'delivery'::regclass);

-- name: lose_process
-- It is silent: it changes nothing more, and what it had is others'. It may yet say what it was about to say.
-- As above.
UPDATE process SET lost_at = :now
WHERE process_id IN (SELECT p.process_id FROM process AS p
                     WHERE p.process_id = :process_id AND p.lost_at IS NULL FOR UPDATE SKIP LOCKED);

-- name: forget_lost
-- Of which nothing is in doubt. As above.
DELETE FROM process
WHERE process_id IN (SELECT p.process_id FROM process AS p
                     WHERE p.lost_at IS NOT NULL
                       AND NOT EXISTS (SELECT 1 FROM intent AS i
                                       WHERE i.state IN ('intended', 'unknown') AND i.process_id = p.process_id)
                     FOR UPDATE SKIP LOCKED);

-- name: mark_commit
-- The last statement of a transaction that has changed something: if it is there, so is all of it. One that was taken
-- for dead, or was silent for too long, has nothing to change.
UPDATE process SET commits = :commits WHERE process_id = :process AND lost_at IS NULL;

-- name: read_commits
SELECT commits FROM process WHERE process_id = :process;

-- name: database_facts
SELECT extract(epoch FROM clock_timestamp())::float8 AS now, current_setting('server_version') AS server,
       (SELECT version FROM schema_version) AS version;

-- name: held_identities
-- All of a database, and who listens to each.
SELECT i.identity, l.process_id IS NOT NULL AS is_held, p.process_id, p.host, p.pid, l.expires_at,
       (SELECT count(*) FROM delivery AS d WHERE d.identity = i.identity AND d.state = 'due') AS due,
       (SELECT count(*) FROM delivery AS d WHERE d.identity = i.identity AND d.state = 'running') AS running,
       (SELECT count(*) FROM dead_letter AS d WHERE d.identity = i.identity) AS dead
FROM (SELECT identity FROM checkpoint UNION SELECT identity FROM delivery UNION SELECT identity FROM dead_letter
      UNION SELECT identity FROM lease) AS i
LEFT JOIN lease AS l USING (identity)
LEFT JOIN process AS p ON p.process_id = l.process_id AND p.lost_at IS NULL
WHERE i.identity NOT LIKE 'moved:%' ORDER BY i.identity;

-- name: known_processes
SELECT p.process_id, concat_ws(' ', p.machine_id, p.boot_id, p.namespace, p.host, p.pid, p.started) AS program,
       p.host, p.pid, p.opened_at, p.seen_at, p.lease_seconds, p.lost_at IS NOT NULL AS is_lost,
       coalesce((SELECT array_agg(l.identity ORDER BY l.identity) FROM lease AS l WHERE l.process_id = p.process_id),
                '{}') AS listens,
       (SELECT count(*) FROM delivery AS d WHERE d.process_id = p.process_id AND d.state = 'running') AS running,
       (SELECT count(*) FROM intent AS i
        WHERE i.process_id = p.process_id AND i.state IN ('intended', 'unknown')) AS unsettled
FROM process AS p ORDER BY p.host, p.pid, program, p.process_id;

-- name: read_moved
SELECT is_gone, move_id, source, target, moved_at FROM moved WHERE identity = :identity;

-- name: write_moved
INSERT INTO moved (identity, is_gone, move_id, source, target, moved_at)
VALUES (:identity, :is_gone::bigint, :move_id, :source, :target, :moved_at::float8)
ON CONFLICT (identity) DO UPDATE
SET is_gone = excluded.is_gone, move_id = excluded.move_id, source = excluded.source, target = excluded.target,
    moved_at = excluded.moved_at;

-- name: coming
SELECT identity FROM moved WHERE move_id = :move_id AND is_gone = 0 ORDER BY identity;

-- name: forget_moved
DELETE FROM moved WHERE identity = :identity;

-- name: movable
-- Also those that were moved away: whoever asks again is told so.
SELECT identity FROM checkpoint WHERE identity NOT LIKE 'moved:%' UNION
SELECT identity FROM delivery WHERE identity NOT LIKE 'moved:%' UNION
SELECT identity FROM dead_letter WHERE identity NOT LIKE 'moved:%' UNION
SELECT identity FROM moved WHERE is_gone = 1
ORDER BY identity;
