-- The newest number of the chat that anybody has told of; `wanted_seq` may be above it, to say "look once more".
ALTER TABLE delivery ADD COLUMN told_seq INTEGER NOT NULL DEFAULT 0;
