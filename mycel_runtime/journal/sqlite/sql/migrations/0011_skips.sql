-- Version 11: what the operator has skipped.

-- A backlog that is skipped is one letter to whoever lists, tries again or drops it, and a row for each handler and chat.
ALTER TABLE dead_letter ADD COLUMN skip_id INTEGER;   -- the number that all rows of one skip share: the first one's
ALTER TABLE dead_letter ADD COLUMN messages INTEGER;  -- of others, that it covers; NULL where nobody has counted
