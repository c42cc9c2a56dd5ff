-- The attached orchestrators: what their tables are called and how far the reconciler has compared them.
CREATE TABLE runbell.sources (
    source text PRIMARY KEY,
    kind text NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}',
    watermark jsonb NOT NULL DEFAULT '{}',
    attached_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
