-- When old rows were last looked for: one daemon at a time does it, whichever finds it due.
CREATE TABLE runbell.retention (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
