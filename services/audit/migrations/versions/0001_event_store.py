"""The event store: records by month, the head of their chain, and the keys of the persons they are about."""

from alembic import op

from chassis.migrate import create_chassis_tables, create_event_tables, keep_out_of_statistics

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates everything."""
    create_chassis_tables()
    create_event_tables()
    op.execute("""
        CREATE TABLE audit.records (
            position bigint NOT NULL,
            record_time timestamptz NOT NULL,
            event_id uuid NOT NULL,
            source text NOT NULL,
            type text NOT NULL,
            event_time timestamptz NOT NULL,
            aggregate_type text NOT NULL,
            aggregate_id text NOT NULL,
            aggregate_version bigint NOT NULL,
            subject_user_id text NOT NULL,
            sealed boolean NOT NULL,
            payload bytea NOT NULL,
            hash bytea NOT NULL,
            PRIMARY KEY (position, record_time)
        ) PARTITION BY RANGE (record_time)
    """)
    op.execute("CREATE INDEX records_by_subject ON audit.records (subject_user_id, position)")
    op.execute("CREATE INDEX records_by_aggregate ON audit.records (aggregate_type, aggregate_id, position)")
    op.execute("CREATE INDEX records_by_type ON audit.records (type, position)")
    op.execute("""
        CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'records of the event store are never changed or removed'; END $$
    """)
    op.execute("""
        CREATE TRIGGER records_are_kept BEFORE UPDATE OR DELETE ON audit.records
        FOR EACH ROW EXECUTE FUNCTION audit.refuse_change()
    """)
    # The service may not create tables; it may have the partition of a month made. Attached rather than created in its
    # place: that would wait for every reader, and let every later reader and writer wait meanwhile.
    op.execute("""
        CREATE FUNCTION audit.make_partition(month date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
        DECLARE
            first date := date_trunc('month', month);
            name text := 'records_' || to_char(first, 'YYYY_MM');
        BEGIN
            IF to_regclass('audit.' || name) IS NULL THEN
                EXECUTE format('CREATE TABLE audit.%I (LIKE audit.records INCLUDING ALL)', name);
                EXECUTE format(
                    'ALTER TABLE audit.records ATTACH PARTITION audit.%I FOR VALUES FROM (%L) TO (%L)',
                    name, first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC'
                );
            END IF;
        END $$
    """)
    op.execute("REVOKE ALL ON FUNCTION audit.make_partition FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION audit.make_partition TO fitnesshub_audit")
    op.execute("""
        CREATE TABLE audit.chain_head (
            singleton boolean PRIMARY KEY CHECK (singleton),
            position bigint NOT NULL,
            hash bytea NOT NULL
        )
    """)
    op.execute("INSERT INTO audit.chain_head VALUES (true, 0, decode(repeat('00', 32), 'hex'))")
    op.execute("""
        CREATE TABLE audit.subject_keys (
            user_id text PRIMARY KEY,
            wrapped_key bytea,
            created_at timestamptz NOT NULL,
            erased_at timestamptz
        )
    """)
    keep_out_of_statistics("subject_keys", "wrapped_key")
