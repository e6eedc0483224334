-- Up Migration
-- Runs: their identity, their queue of systems, their attempts. Columns added to shared tables are nullable: they are
-- null in rows of other programs, which are never changed. Indexes on shared tables are not built by the migrations
-- (but by job-image/db/schema/shared-indexes.ts).

ALTER TABLE job_runs
  ADD COLUMN run_key text,
  ADD COLUMN schedule_uid text,
  ADD COLUMN schedule text,
  ADD COLUMN slot_at timestamp,
  ADD COLUMN verdict varchar(20),
  ADD COLUMN reference_time timestamp,
  ADD COLUMN planned_at timestamp;

-- No foreign key: it costs a quarter of the write time, and prune removes all rows of a run together.
ALTER TABLE validation_results ADD COLUMN job_run_id integer;

-- The work queue, the progress and the per-system outcome of a run. A claim is a row lock inside the batch's own
-- transaction, so there is nothing to release when a worker dies. No foreign key to systems: another program may
-- delete a system while a run has it queued.
CREATE TABLE job_run_systems (
  job_run_id integer NOT NULL REFERENCES job_runs (id) ON DELETE CASCADE,
  system_id integer NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'error')),
  results_run_id integer,
  pass integer NOT NULL DEFAULT 0,
  fail integer NOT NULL DEFAULT 0,
  insufficient_evidence integer NOT NULL DEFAULT 0,
  unknown integer NOT NULL DEFAULT 0,
  error text,
  decided_at timestamp,
  PRIMARY KEY (job_run_id, system_id)
);
CREATE INDEX ix_job_run_systems_pending ON job_run_systems (job_run_id, system_id) WHERE state = 'pending';
CREATE INDEX ix_job_run_systems_latest ON job_run_systems (system_id, job_run_id);

CREATE TABLE job_run_attempts (
  job_run_id integer NOT NULL REFERENCES job_runs (id) ON DELETE CASCADE,
  attempt integer NOT NULL,
  worker text NOT NULL,
  host text NOT NULL,
  started_at timestamp NOT NULL,
  heartbeat_at timestamp NOT NULL,
  ended_at timestamp,
  outcome text CHECK (outcome IN ('success', 'failed', 'interrupted', 'abandoned')),
  error text,
  PRIMARY KEY (job_run_id, attempt)
);

-- A baseline is membership of controls by canonical id (`ac-2.1`): never more rows in `controls`.
CREATE TABLE baselines (
  id serial PRIMARY KEY,
  name varchar(100) NOT NULL UNIQUE,
  title varchar(255) NOT NULL,
  framework varchar(100) NOT NULL,
  version varchar(50),
  source varchar(500),
  loaded_at timestamp NOT NULL
);
CREATE TABLE baseline_controls (
  baseline_id integer NOT NULL REFERENCES baselines (id) ON DELETE CASCADE,
  control_id varchar(50) NOT NULL,
  PRIMARY KEY (baseline_id, control_id)
);

-- Down Migration
-- Drops only what this project added; the columns with a run's identity are dropped with their indexes.
DROP TABLE baseline_controls, baselines, job_run_attempts, job_run_systems;
ALTER TABLE validation_results DROP COLUMN job_run_id;
ALTER TABLE job_runs
  DROP COLUMN planned_at, DROP COLUMN reference_time, DROP COLUMN verdict,
  DROP COLUMN slot_at, DROP COLUMN schedule, DROP COLUMN schedule_uid, DROP COLUMN run_key;
