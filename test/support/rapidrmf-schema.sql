-- A database as RapidRMF's own migrations leave it, with some of the rows that its programs write: serial integer
-- ids everywhere, SQLAlchemy's index names, none of the columns and tables that this project adds.

CREATE TYPE validationstatus AS ENUM ('PASS', 'FAIL', 'INSUFFICIENT_EVIDENCE', 'UNKNOWN');

CREATE TABLE alembic_version (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0a1b2c3d4e5f');

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

CREATE TABLE catalogs (
  id serial PRIMARY KEY,
  name varchar(100) NOT NULL,
  title varchar(255) NOT NULL,
  version varchar(50),
  framework varchar(100) NOT NULL,
  baseline varchar(50),
  oscal_path varchar(500),
  loaded_at timestamp,
  attributes json NOT NULL
);
CREATE UNIQUE INDEX ix_catalogs_name ON catalogs (name);
CREATE INDEX ix_catalogs_framework ON catalogs (framework);

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

CREATE TABLE control_requirements (
  id serial PRIMARY KEY,
  control_id integer NOT NULL REFERENCES controls (id),
  required_any json NOT NULL,
  required_all json NOT NULL,
  description text
);
CREATE INDEX ix_control_requirements_control_id ON control_requirements (control_id);

CREATE TABLE validation_results (
  id serial PRIMARY KEY,
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

CREATE TABLE evidence_manifests (id serial PRIMARY KEY, environment varchar(50) NOT NULL, attributes json NOT NULL);
CREATE TABLE evidence_manifest_entries (
  id serial PRIMARY KEY,
  manifest_id integer NOT NULL REFERENCES evidence_manifests (id),
  sha256 varchar(64) NOT NULL
);
CREATE TABLE evidence_versions (id serial PRIMARY KEY, evidence_id integer NOT NULL REFERENCES evidence (id));
CREATE TABLE evidence_access_log (id serial PRIMARY KEY, evidence_id integer NOT NULL REFERENCES evidence (id));

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

INSERT INTO systems (name, environment, created_at, attributes) VALUES
  ('edge-1', 'production', '2025-11-02 08:15:00.123456', '{}'),
  ('core "db"', 'production', '2025-11-02 08:15:01', '{"owner": "platform"}'),
  ('lab', 'staging', '2025-12-24 23:59:59.999999', '[]');
INSERT INTO evidence (system_id, evidence_type, key, sha256, size, collected_at, expires_at, attributes) VALUES
  (1, 'audit-log', 'vault/edge-1/audit.json', repeat('a', 64), 120, '2026-01-05', NULL, '{}'),
  (1, 'iam-policy', 'vault/edge-1/iam.json', repeat('b', 64), NULL, '2026-01-05', 'infinity', '{}'),
  (2, 'audit-log', 'vault/core/audit.json', repeat('c', 64), 7, '2025-01-05', '2025-02-05', 'null');
INSERT INTO evidence_manifests (environment, attributes) VALUES ('production', '{}');
INSERT INTO evidence_manifest_entries (manifest_id, sha256) VALUES (1, repeat('a', 64));
INSERT INTO evidence_versions (evidence_id) VALUES (1);
INSERT INTO evidence_access_log (evidence_id) VALUES (1), (1);
INSERT INTO catalogs (name, title, framework, attributes) VALUES
  ('nist-800-53-rev5', 'NIST SP 800-53', 'nist-800-53-rev5', '{}');
INSERT INTO controls (catalog_id, control_id, title, family, attributes) VALUES
  (1, 'AC-2', 'Account Management', 'AC', '{}'),
  (1, 'AC-3', 'Access Enforcement', 'AC', '{}'),
  (1, 'AC-13', 'Supervision and Review', 'AC', '{}'),
  (1, 'AU-2', 'Event Logging', 'AU', '{"withdrawn": false}');
INSERT INTO control_requirements (control_id, required_any, required_all) VALUES (4, '[]', '["audit-log"]');
INSERT INTO validation_results
  (system_id, control_id, status, message, evidence_keys, remediation, validated_at, attributes) VALUES
  (1, 1, 'PASS', 'All required evidence present', '["vault/edge-1/audit.json"]', NULL, '2026-02-01 02:00:03', '{}'),
  (1, 1, 'PASS', 'All required evidence present', '["vault/edge-1/audit.json"]', NULL, '2026-02-02 02:00:03', '{}'),
  (2, 1, 'INSUFFICIENT_EVIDENCE', NULL, '[]', 'Collect it', '2026-02-01 02:00:03', 'null');
INSERT INTO findings (system_id, control_id, title, description, severity, status, found_at, attributes) VALUES
  (2, 1, 'Stale accounts', 'Three', 'high', 'open', '2026-02-01', '{}');
INSERT INTO job_runs (job_type, environment, status, started_at, finished_at, error, metrics, attributes) VALUES
  ('validation', 'production', 'success', '2026-02-01 02:00:00', '2026-02-01 02:00:04', NULL, '{"results_saved": 2}', '{}'),
  ('validation', 'production', 'running', '2026-02-02 02:00:00', NULL, NULL, '{}', '{}'),
  ('evidence_collection', 'production', 'running', '2026-02-03 01:00:00', NULL, NULL, '[]', 'null'),
  ('report', 'staging', 'failed', '2026-02-03 01:00:00', '2026-02-03 01:00:01', 'no space', '{}', '{}');
