-- Up Migration
-- The record of a run: what was evaluated, by which plan, and the answers. One row per system holds the statuses of all
-- controls as bit strings, so that a night of 10,000 systems and 1,007 controls takes about 4 MB.

-- The digest of the run's compiled rules (plans.digest); null: a run of another program, or one without a record.
ALTER TABLE job_runs ADD COLUMN plan_digest bytea;

-- The controls that the bits of a record stand for, in order: [controls.id, catalog, control, family].
CREATE TABLE control_sets (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest bytea NOT NULL UNIQUE,
  size integer NOT NULL,
  controls json NOT NULL
);

-- The compiled rules of runs: enough to evaluate their systems again.
CREATE TABLE plans (
  digest bytea PRIMARY KEY,
  control_set_id integer NOT NULL REFERENCES control_sets (id),
  -- The controls without a usable rule: their status is unknown for every system.
  unknown bit varying NOT NULL,
  body json NOT NULL,
  created_at timestamp NOT NULL
);

-- The systems that a run has still to evaluate. A claim is a row lock inside the batch's own transaction; the batch
-- deletes the row, and the number of deleted rows shows that it still held the claim.
CREATE TABLE run_queue (
  job_run_id integer NOT NULL REFERENCES job_runs (id) ON DELETE CASCADE,
  system_id integer NOT NULL,
  PRIMARY KEY (job_run_id, system_id)
);

-- What a run found about one system. No foreign key to systems: another program may delete a system.
CREATE TABLE run_records (
  job_run_id integer NOT NULL REFERENCES job_runs (id) ON DELETE CASCADE,
  system_id integer NOT NULL,
  -- The run that evaluated the system: an earlier one if this run reuses its answers.
  decided_run_id integer,
  control_set_id integer REFERENCES control_sets (id),
  -- The runs under which run_details holds the decisions and the inputs: earlier ones if they have not changed.
  decisions_run_id integer,
  inputs_run_id integer,
  pass_count integer NOT NULL DEFAULT 0,
  fail_count integer NOT NULL DEFAULT 0,
  insufficient_count integer NOT NULL DEFAULT 0,
  unknown_count integer NOT NULL DEFAULT 0,
  -- When the answers were evaluated, and when this run confirmed them; null: at the same time.
  decided_at timestamp,
  confirmed_at timestamp,
  -- The moment from which on time alone may change the answers; null: never.
  valid_until timestamp,
  -- sha256 of the plan and all evidence of the system: as long as it is the same, the answers can be reused.
  input_digest bytea,
  -- sha256 of the manifest of inputs, and of the decisions.
  evidence_digest bytea,
  answers_digest bytea,
  -- One bit per control of the control set. What neither passes nor fails nor is unknown in the plan lacks evidence.
  pass bit varying,
  fail bit varying,
  -- Why the system could not be evaluated; null: it was.
  error text,
  PRIMARY KEY (job_run_id, system_id),
  CHECK (length(pass) = length(fail))
);
CREATE INDEX ix_run_records_system ON run_records (system_id, job_run_id);

-- The long part of a record, stored only when it differs from that of the run before.
CREATE TABLE run_details (
  job_run_id integer NOT NULL REFERENCES job_runs (id) ON DELETE CASCADE,
  system_id integer NOT NULL,
  -- The evidence that the decisions depend on: [id, type, key, sha256, collected_at, expires_at].
  manifest json,
  -- The distinct decisions, and for each control the index of its decision: one byte, or two if there are more than 256.
  decisions json,
  decision_of bytea,
  PRIMARY KEY (job_run_id, system_id)
);

-- Runs that were made before there were records keep their states and counts.
INSERT INTO run_queue (job_run_id, system_id)
SELECT job_run_id, system_id FROM job_run_systems WHERE state = 'pending';
INSERT INTO run_records (job_run_id, system_id, decided_run_id, pass_count, fail_count, insufficient_count, unknown_count,
                         decided_at, valid_until, error)
SELECT job_run_id, system_id, results_run_id, pass, fail, insufficient_evidence, unknown, decided_at, valid_until,
       CASE state WHEN 'error' THEN coalesce(error, 'no reason was stored') END
  FROM job_run_systems WHERE state <> 'pending';
DROP TABLE job_run_systems;

-- The states and counts of the systems of all runs.
CREATE VIEW run_systems AS
SELECT job_run_id, system_id, 'pending' AS state, NULL::integer AS results_run_id, 0 AS pass, 0 AS fail,
       0 AS insufficient_evidence, 0 AS unknown, NULL::text AS error, NULL::timestamp AS decided_at
  FROM run_queue
UNION ALL
SELECT job_run_id, system_id, CASE WHEN error IS NULL THEN 'done' ELSE 'error' END, decided_run_id, pass_count, fail_count,
       insufficient_count, unknown_count, error, coalesce(confirmed_at, decided_at)
  FROM run_records;

-- Down Migration
DROP VIEW run_systems;
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
  input_digest bytea,
  valid_until timestamp,
  PRIMARY KEY (job_run_id, system_id)
);
CREATE INDEX ix_job_run_systems_pending ON job_run_systems (job_run_id, system_id) WHERE state = 'pending';
CREATE INDEX ix_job_run_systems_latest ON job_run_systems (system_id, job_run_id);
INSERT INTO job_run_systems (job_run_id, system_id) SELECT job_run_id, system_id FROM run_queue;
INSERT INTO job_run_systems
SELECT job_run_id, system_id, CASE WHEN error IS NULL THEN 'done' ELSE 'error' END, decided_run_id, pass_count, fail_count,
       insufficient_count, unknown_count, error, coalesce(confirmed_at, decided_at), input_digest, valid_until
  FROM run_records;
DROP TABLE run_details, run_records, run_queue, plans, control_sets;
ALTER TABLE job_runs DROP COLUMN plan_digest;
