-- Hints up to here make nothing due: the chat was given up unread, and a letter says so.
ALTER TABLE delivery ADD COLUMN given_up_seq INTEGER NOT NULL DEFAULT 0;
