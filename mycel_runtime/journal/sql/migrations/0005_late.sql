-- Of what a letter's handler was given: numbers below its span, late ones (Q27), as in `delivery.holes`.
ALTER TABLE dead_letter ADD COLUMN holes TEXT NOT NULL DEFAULT '[]';
