-- Version 7: what became of what was said first, for whoever asks afterwards.

ALTER TABLE utterance ADD COLUMN said_seq INTEGER;    -- its message's number, or what it followed; NULL: it was not said
ALTER TABLE utterance ADD COLUMN message_id TEXT;     -- of its message, as far as it is known
