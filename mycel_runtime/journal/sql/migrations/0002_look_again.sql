-- Chat work: a hint without a number came while the delivery was running.
ALTER TABLE delivery ADD COLUMN look_again INTEGER NOT NULL DEFAULT 0;
