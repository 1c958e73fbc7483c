-- Version 13: a timer that is put off again and again is written in one place.

-- When to look at it, which is never after it is due. A timer that is put off keeps the earlier time, and its place in the
-- index; once that time is over, or the next timer is asked for, it is what the timer has come to wait for.
ALTER TABLE timer ADD COLUMN look_at REAL NOT NULL DEFAULT 0;

UPDATE timer SET look_at = due_at;

DROP INDEX timer_due;

CREATE INDEX timer_look ON timer (identity, look_at);
