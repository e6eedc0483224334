-- Up Migration
-- Pending notifications about the ends of runs. A row is written by the transaction that closes the run, so that a crash
-- cannot separate the two. The process that sends it holds its lock meanwhile. It contains no secret: the URL and the
-- credentials are in the sender's configuration, under the sink's name.
CREATE TABLE notification_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id text NOT NULL UNIQUE,
  job_run_id integer NOT NULL REFERENCES job_runs (id) ON DELETE CASCADE,
  environment text NOT NULL,
  -- The end that the notification reports. A run that was opened again has another end, or none: the row is outdated.
  finished_at timestamp NOT NULL,
  sink text NOT NULL,
  trigger text NOT NULL,
  payload json NOT NULL,
  created_at timestamp NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  -- Null: the row is done. It was sent, or cancelled, or (neither of both) given up.
  next_try_at timestamp,
  sent_at timestamp,
  cancelled_at timestamp,
  last_error text
);
CREATE INDEX ix_notification_outbox_waiting ON notification_outbox (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX ix_notification_outbox_run ON notification_outbox (job_run_id);

-- Down Migration
DROP TABLE notification_outbox;
