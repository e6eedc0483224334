import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from 'pg'
import { migrationsDirectory } from '../job-image/assets.ts'
import { migrate } from '../job-image/db/schema/schema.ts'
import { nistIndex } from '../job-image/oscal/nist-index.ts'
import { displayControlId } from '../job-image/rules/control-id.ts'
import { loadRuleSet } from '../job-image/rules/load.ts'
import { Random } from './random.ts'

/** Creates RapidRMF's tables, applies the migrations, and imports the controls of NIST SP 800-53 rev5. */
export async function createTables(client: Client): Promise<void> {
  await client.query(rapidrmfTables())
  await migrate(client)
  const { controls, framework, title } = nistIndex()
  await client.query(
    `WITH catalog AS (
       INSERT INTO catalogs (name, title, framework, loaded_at, attributes) VALUES ($1, $2, $1, now(), '{}') RETURNING id)
     INSERT INTO controls (catalog_id, control_id, title, family, attributes)
     SELECT catalog.id, c.id, c.title, c.family, '{}' FROM catalog, json_to_recordset($3) AS c (id text, title text, family text)`,
    [
      framework,
      title,
      JSON.stringify(
        controls.map(({ id, title: name, family }) => ({
          id: displayControlId(id),
          title: name.slice(0, 255),
          family,
        })),
      ),
    ],
  )
}

/** The tables that RapidRMF creates: those of the first migration, except for the width of one id. */
function rapidrmfTables(): string {
  const text = readFileSync(join(migrationsDirectory(), '0001_shared-tables.sql'), 'utf8')
  const [up = ''] = text.split('-- Down Migration')
  const tables = up.replace('id bigserial PRIMARY KEY', 'id serial PRIMARY KEY')
  if (tables === up) throw new Error('the bigserial id of validation_results is not where it was')
  return tables
}

const SERVICES = [
  'payments-api',
  'identity',
  'document-archive',
  'reporting',
  'case-management',
  'batch-import',
]
const COLLECTORS = [
  'aws-config',
  'terraform-cloud',
  'github-actions',
  'manual-upload',
  'nessus',
  'okta-export',
]

const DAY = 86_400_000

type System = { name: string; evidence: Evidence[] }
type Evidence = {
  type: string
  key: string
  sha256: string
  size: number
  collected: string
  expires: string | null
  collector: string
}

/**
 * Adds `count` systems to one environment, each with 20 to 60 rows of evidence: most types that rules need, some of them
 * several times. A tenth has expired, and a few come from a collector whose clock is ahead.
 */
export async function addSystems(client: Client, environment: string, count: number): Promise<void> {
  const random = new Random(count)
  const types = evidenceTypes()
  const now = Date.now()
  // 200 systems are about 3 MB of JSON: one parameter must not grow with the benchmark.
  for (let from = 0; from < count; from += 200) {
    const systems = Array.from({ length: Math.min(200, count - from) }, (_, index) =>
      system(
        `${environment}-${random.pick(SERVICES)}-${String(from + index + 1).padStart(5, '0')}`,
        types,
        random,
        now,
      ),
    )
    await client.query(INSERT_SYSTEMS, [environment, JSON.stringify(systems)])
  }
  await client.query('VACUUM ANALYZE')
}

const INSERT_SYSTEMS = `
  WITH given AS MATERIALIZED (
    SELECT name, evidence FROM json_to_recordset($2) AS g (name text, evidence json)),
  added AS (
    INSERT INTO systems (name, environment, created_at, attributes)
    SELECT name, $1, now(), '{}' FROM given RETURNING id, name)
  INSERT INTO evidence (system_id, evidence_type, key, vault_path, filename, sha256, size, collected_at, expires_at, attributes)
  SELECT added.id, e.type, e.key, 'vault/' || e.key, split_part(e.key, '/', -1), e.sha256, e.size, e.collected, e.expires,
         json_build_object('collector', e.collector)
    FROM added JOIN given USING (name),
         json_to_recordset(given.evidence) AS e (type text, key text, sha256 text, size int, collected timestamp,
                                                 expires timestamp, collector text)`

function system(name: string, types: readonly string[], random: Random, now: number): System {
  const evidence = Array.from({ length: random.between(20, 60) }, () => {
    const type = random.pick(types)
    const collected = random.chance(0.02) ? now + DAY : now - random.between(1, 90) * DAY
    const expires = random.chance(0.1)
      ? now - random.between(1, 30) * DAY
      : now + random.between(1, 275) * DAY
    const sha256 = random.hex(64)
    return {
      type,
      key: `${name}/${type}/${iso(collected).slice(0, 10)}/${sha256.slice(0, 12)}.json`,
      sha256,
      size: random.between(200, 2_000_000),
      collected: iso(collected),
      expires: random.chance(0.4) ? null : iso(expires),
      collector: random.pick(COLLECTORS),
    }
  })
  return { name, evidence }
}

function iso(time: number): string {
  return new Date(time).toISOString().slice(0, -1)
}

/** Returns the evidence types of the built-in rules. */
function evidenceTypes(): string[] {
  const frameworks = [...loadRuleSet().frameworks.values()]
  const rules = frameworks.flatMap(({ controls, families }) => [...controls.values(), ...families.values()])
  return [
    ...new Set(rules.flatMap(({ requiredAll, requiredAny }) => [...requiredAll, ...requiredAny])),
  ].sort()
}
