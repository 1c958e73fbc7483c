-- Version 10: why a delivery's last attempt was in vain.

ALTER TABLE delivery ADD COLUMN last_error TEXT;      -- its class or the server's answer, and the place; never a text
