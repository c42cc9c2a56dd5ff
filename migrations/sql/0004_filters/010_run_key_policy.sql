-- How long a key stays taken. forever; or until expires_at; until_success: until the request or its run comes to
-- nothing; while_active: until the request or its run ends.
ALTER TABLE runbell.run_keys ADD COLUMN policy text NOT NULL DEFAULT 'forever'
CHECK (policy IN ('forever', 'until_success', 'while_active'))
