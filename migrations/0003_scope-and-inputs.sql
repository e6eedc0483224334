-- Up Migration
-- What a run looked at, what each decision was made from, and what each control cost.

-- Digest of the part of the controls that the run was restricted to; null: all of them.
ALTER TABLE job_runs ADD COLUMN control_scope text;

-- A decision is carried into a later run only while its inputs are the same and no moment has passed that would
-- change it. Null: decided before there were digests, so never carried.
ALTER TABLE job_run_systems
  ADD COLUMN input_digest bytea,
  ADD COLUMN valid_until timestamp;

-- Counts are those of the whole run, written with its close; times are what each worker adds, so they can come first.
CREATE TABLE job_run_controls (
  job_run_id integer NOT NULL REFERENCES job_runs (id) ON DELETE CASCADE,
  control_id integer NOT NULL,
  pass integer NOT NULL DEFAULT 0,
  fail integer NOT NULL DEFAULT 0,
  insufficient_evidence integer NOT NULL DEFAULT 0,
  unknown integer NOT NULL DEFAULT 0,
  -- Microseconds.
  decide_us bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (job_run_id, control_id)
);

-- Down Migration
DROP INDEX IF EXISTS ix_validation_results_others;
DROP TABLE job_run_controls;
ALTER TABLE job_run_systems DROP COLUMN valid_until, DROP COLUMN input_digest;
ALTER TABLE job_runs DROP COLUMN control_scope;
