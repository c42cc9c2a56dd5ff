-- Which cluster the stored places belong to: in another one their transaction ids mean nothing.
CREATE TABLE runbell.cluster (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    system_identifier bigint NOT NULL
)
