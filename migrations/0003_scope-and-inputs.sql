-- Up Migration
-- The scope of a run, the inputs of each decision, and the time of each control.

-- The digest of the controls that the run was restricted to; null: all controls.
ALTER TABLE job_runs ADD COLUMN control_scope text;

-- A later run reuses a result only if its inputs are the same and no time has passed at which it would change. Null: the
-- result is older than the digests, and is never reused.
ALTER TABLE job_run_systems
  ADD COLUMN input_digest bytea,
  ADD COLUMN valid_until timestamp;

-- Counts are of the whole run, and written when it is closed. Times are added by each worker, possibly before that.
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
