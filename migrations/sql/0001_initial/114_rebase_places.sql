-- After a restore into another cluster transaction ids mean something else: says anew which events each place has passed.
-- Events that the same places have passed become one class, as if one long past transaction had written them, and each
-- place becomes the snapshot that sees the classes that it had passed. So nobody is called again for what was settled,
-- nothing that was not is skipped, and filters, order and pages of later reads are those of any other read.
-- Nothing above the newest settled event was settled by anybody: a writer may have been here before the first daemon,
-- and its ids, small in a new cluster, would lie below a place of the old one.
-- Writers wait for nothing: events that come meanwhile keep their ids, which lie above every class.
-- busy: another process is at it. Nothing to do: all counts are zero.
CREATE FUNCTION runbell.rebase_places(OUT busy boolean, OUT sensors bigint, OUT events bigint, OUT unread bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here bigint := (SELECT c.system_identifier FROM pg_control_system() AS c);
    known bigint;
    newest_settled bigint;
    oldest_open xid8;
    places text[];
    vectors text[];
    room bigint;
BEGIN
    SELECT c.system_identifier INTO known FROM runbell.cluster AS c FOR NO KEY UPDATE SKIP LOCKED;
    busy := NOT FOUND;
    sensors := 0;
    events := 0;
    unread := 0;
    IF busy OR known = here AND NOT EXISTS (SELECT FROM runbell.list_places_ahead()) THEN
        RETURN;
    END IF;
    -- A settlement that is on its way ends first, and none with an old place takes effect after this.
    PERFORM FROM runbell.sensors AS s ORDER BY s.sensor_name FOR NO KEY UPDATE;
    newest_settled := coalesce(
        (SELECT max(t.last_event_id) FROM runbell.ticks AS t),
        (
            SELECT max(e.event_id)
            FROM runbell.run_events AS e
            WHERE e.recorded_at <= (SELECT max(s.deployed_at) FROM runbell.sensors AS s)
        ),
        0
    );
    -- Each place as "position|upper|last_xid|last_event_id", each once.
    -- PostgreSQL 14 has no min() of transaction ids.
    SELECT
        coalesce(array_agg(p.place ORDER BY p.place), '{}'),
        min(pg_snapshot_xmin(split_part(p.place, '|', 1)::pg_snapshot)::text::bigint)::text::xid8
    INTO places, oldest_open
    FROM (
        SELECT concat_ws('|', s.position, s.upper, s.last_xid, s.last_event_id)
        FROM runbell.sensors AS s
        WHERE s.position IS NOT NULL
        UNION
        SELECT s.filter_since::text FROM runbell.sensors AS s WHERE s.filter_since IS NOT NULL
    ) AS p (place);
    -- Classes get ids that a cluster does not give out, and that are older than whatever may be running.
    room := pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 4;
    WITH given AS MATERIALIZED (
        SELECT
            p.ordinal,
            split_part(p.place, '|', 1)::pg_snapshot AS position,
            nullif(split_part(p.place, '|', 2), '')::pg_snapshot AS upper,
            nullif(split_part(p.place, '|', 3), '')::xid8 AS last_xid,
            nullif(split_part(p.place, '|', 4), '')::bigint AS last_event_id
        FROM unnest(places) WITH ORDINALITY AS p (place, ordinal)
    ),
    seen AS MATERIALIZED (
        SELECT
            e.event_id,
            CASE
                WHEN e.event_id > newest_settled OR cardinality(places) = 0 THEN ''
                WHEN e.xid < oldest_open THEN repeat('1', cardinality(places))
                ELSE (
                    SELECT string_agg(
                        CASE
                            WHEN pg_visible_in_snapshot(e.xid, g.position) THEN '1'
                            WHEN pg_visible_in_snapshot(e.xid, g.upper)
                                AND (e.xid, e.event_id) <= (g.last_xid, g.last_event_id) THEN '1'
                            ELSE '0'
                        END,
                        '' ORDER BY g.ordinal
                    )
                    FROM given AS g
                )
            END AS vector
        FROM runbell.run_events AS e
    ),
    ranked AS (
        SELECT n.vector, min(n.event_id) AS first_id, row_number() OVER (ORDER BY count(*) DESC) AS rank
        FROM seen AS n
        GROUP BY n.vector
    ),
    -- More classes than there is room for: the smallest are passed by nobody, and called again.
    fitting AS (
        SELECT r.vector, CASE WHEN r.rank < room THEN r.vector ELSE '' END AS class, r.first_id
        FROM ranked AS r
    ),
    numbered AS (
        SELECT f.class, (2 + row_number() OVER (ORDER BY min(f.first_id)))::text::xid8 AS xid
        FROM fitting AS f
        GROUP BY f.class
    ),
    renumbered AS (
        UPDATE runbell.run_events AS e
        SET xid = n.xid
        FROM seen AS o
        JOIN fitting AS f ON f.vector = o.vector
        JOIN numbered AS n ON n.class = f.class
        WHERE e.event_id = o.event_id
        RETURNING n.class
    )
    SELECT
        (SELECT array_agg(n.class ORDER BY n.xid) FROM numbered AS n),
        count(*),
        count(*) FILTER (WHERE r.class = '' OR strpos(r.class, '0') > 0)
    INTO vectors, events, unread
    FROM renumbered AS r;
    UPDATE runbell.sensors AS s
    SET position = CASE
            WHEN s.position IS NOT NULL THEN runbell.rebased_place(
                vectors, array_position(places, concat_ws('|', s.position, s.upper, s.last_xid, s.last_event_id))
            )
        END,
        upper = NULL,
        last_xid = NULL,
        last_event_id = NULL,
        filter_since = CASE
            WHEN s.filter_since IS NOT NULL THEN runbell.rebased_place(
                vectors, array_position(places, s.filter_since::text)
            )
        END,
        lease_holder = NULL,
        lease_epoch = s.lease_epoch + 1;
    GET DIAGNOSTICS sensors = ROW_COUNT;
    IF known <> here THEN
        -- Processes of the other cluster; and where its tables stood, as transaction ids tell it.
        DELETE FROM runbell.daemons;
        UPDATE runbell.sources AS s SET watermark = s.watermark - '{older,newer,snapshot}'::text[];
        UPDATE runbell.cluster AS c SET system_identifier = here;
    END IF;
END
$$
