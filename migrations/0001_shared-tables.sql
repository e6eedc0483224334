-- Up Migration
-- The tables that RapidRMF installations share. Each one is created only if it is missing: an existing table keeps its
-- columns, its indexes and its types. Timestamps are UTC by convention.

DO $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_type t WHERE t.typname = 'validationstatus' AND pg_type_is_visible(t.oid)
  ) THEN
    CREATE TYPE validationstatus AS ENUM ('PASS', 'FAIL', 'INSUFFICIENT_EVIDENCE', 'UNKNOWN');
  END IF;

  IF to_regclass('systems') IS NULL THEN
    CREATE TABLE systems (
      id serial PRIMARY KEY,
      name varchar(255) NOT NULL,
      description text,
      environment varchar(50) NOT NULL,
      created_at timestamp NOT NULL,
      updated_at timestamp,
      attributes json NOT NULL
    );
    CREATE UNIQUE INDEX ix_systems_name ON systems (name);
    CREATE INDEX ix_systems_environment ON systems (environment);
    CREATE INDEX ix_systems_created_at ON systems (created_at);
  END IF;

  IF to_regclass('evidence') IS NULL THEN
    CREATE TABLE evidence (
      id serial PRIMARY KEY,
      system_id integer NOT NULL REFERENCES systems (id),
      evidence_type varchar(100) NOT NULL,
      key varchar(500) NOT NULL,
      vault_path varchar(500),
      filename varchar(255),
      sha256 varchar(64) NOT NULL,
      size integer,
      collected_at timestamp NOT NULL,
      expires_at timestamp,
      attributes json NOT NULL
    );
    CREATE INDEX ix_evidence_system_id ON evidence (system_id);
    CREATE INDEX ix_evidence_evidence_type ON evidence (evidence_type);
    CREATE INDEX ix_evidence_sha256 ON evidence (sha256);
    CREATE INDEX ix_evidence_collected_at ON evidence (collected_at);
    CREATE INDEX ix_evidence_expires_at ON evidence (expires_at);
  END IF;

  IF to_regclass('catalogs') IS NULL THEN
    CREATE TABLE catalogs (
      id serial PRIMARY KEY,
      name varchar(100) NOT NULL,
      title varchar(255) NOT NULL,
      version varchar(50),
      framework varchar(100) NOT NULL,
      baseline varchar(50),
      oscal_path varchar(500),
      loaded_at timestamp NOT NULL,
      attributes json NOT NULL
    );
    CREATE UNIQUE INDEX ix_catalogs_name ON catalogs (name);
    CREATE INDEX ix_catalogs_framework ON catalogs (framework);
  END IF;

  IF to_regclass('controls') IS NULL THEN
    CREATE TABLE controls (
      id serial PRIMARY KEY,
      catalog_id integer NOT NULL REFERENCES catalogs (id),
      control_id varchar(50) NOT NULL,
      title varchar(255) NOT NULL,
      family varchar(10) NOT NULL,
      description text,
      remediation text,
      baseline_required boolean,
      attributes json NOT NULL
    );
    CREATE INDEX ix_controls_catalog_id ON controls (catalog_id);
    CREATE INDEX ix_controls_control_id ON controls (control_id);
    CREATE INDEX ix_controls_family ON controls (family);
  END IF;

  IF to_regclass('control_requirements') IS NULL THEN
    CREATE TABLE control_requirements (
      id serial PRIMARY KEY,
      control_id integer NOT NULL REFERENCES controls (id),
      required_any json NOT NULL,
      required_all json NOT NULL,
      description text
    );
    CREATE INDEX ix_control_requirements_control_id ON control_requirements (control_id);
  END IF;

  -- A bigint id is the only difference from RapidRMF's table: 10,000 systems x 1,007 controls a night use up an integer
  -- in 213 days.
  IF to_regclass('validation_results') IS NULL THEN
    CREATE TABLE validation_results (
      id bigserial PRIMARY KEY,
      system_id integer NOT NULL REFERENCES systems (id),
      control_id integer NOT NULL REFERENCES controls (id),
      status validationstatus NOT NULL,
      message text,
      evidence_keys json NOT NULL,
      remediation text,
      validated_at timestamp NOT NULL,
      attributes json NOT NULL
    );
    CREATE INDEX ix_validation_results_system_id ON validation_results (system_id);
    CREATE INDEX ix_validation_results_control_id ON validation_results (control_id);
    CREATE INDEX ix_validation_results_status ON validation_results (status);
    CREATE INDEX ix_validation_results_validated_at ON validation_results (validated_at);
  END IF;

  IF to_regclass('findings') IS NULL THEN
    CREATE TABLE findings (
      id serial PRIMARY KEY,
      system_id integer NOT NULL REFERENCES systems (id),
      control_id integer REFERENCES controls (id),
      title varchar(255) NOT NULL,
      description text NOT NULL,
      severity varchar(20) NOT NULL,
      status varchar(50) NOT NULL,
      found_at timestamp NOT NULL,
      closed_at timestamp,
      attributes json NOT NULL
    );
    CREATE INDEX ix_findings_system_id ON findings (system_id);
    CREATE INDEX ix_findings_control_id ON findings (control_id);
    CREATE INDEX ix_findings_severity ON findings (severity);
    CREATE INDEX ix_findings_status ON findings (status);
    CREATE INDEX ix_findings_found_at ON findings (found_at);
  END IF;

  IF to_regclass('job_runs') IS NULL THEN
    CREATE TABLE job_runs (
      id serial PRIMARY KEY,
      job_type varchar(100) NOT NULL,
      environment varchar(50) NOT NULL,
      status varchar(20) NOT NULL,
      started_at timestamp NOT NULL,
      finished_at timestamp,
      error text,
      metrics json NOT NULL DEFAULT '{}',
      attributes json NOT NULL DEFAULT '{}'
    );
    CREATE INDEX ix_job_runs_job_type ON job_runs (job_type);
    CREATE INDEX ix_job_runs_environment ON job_runs (environment);
    CREATE INDEX ix_job_runs_status ON job_runs (status);
    CREATE INDEX ix_job_runs_started_at ON job_runs (started_at);
    CREATE INDEX ix_job_runs_finished_at ON job_runs (finished_at);
  END IF;
END
$$;

-- Down Migration
-- Drops nothing: these tables belong to all programs that use them.
