import { expect, it } from 'vitest'
import { referrersOf } from '../../../../job-image/db/systems/referrers.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase('empty')
await client.query(`
  CREATE TABLE systems (id int PRIMARY KEY, name text UNIQUE);
  CREATE TABLE evidence (id int, part int, system_id int REFERENCES systems, PRIMARY KEY (id, part));
  CREATE TABLE tickets (s int REFERENCES systems ON DELETE CASCADE);
  CREATE TABLE "Odd names" ("a b" text REFERENCES systems (name));
  CREATE TABLE proofs (e int, p int, FOREIGN KEY (e, p) REFERENCES evidence);
  CREATE TABLE parts (s int REFERENCES systems) PARTITION BY LIST (s);
  CREATE TABLE part PARTITION OF parts FOR VALUES IN (1, 2);
  INSERT INTO systems VALUES (1, 'one'), (2, 'two'), (3, 'three');
  INSERT INTO evidence VALUES (1, 1, 1), (1, 2, 2);
  INSERT INTO tickets VALUES (1), (1), (2), (NULL);
  INSERT INTO "Odd names" VALUES ('one'), (NULL);
  INSERT INTO proofs VALUES (1, 1), (1, 2), (1, 2);
  INSERT INTO parts VALUES (1)`)

it('rows that refer to a system are counted by table, a partitioned one once', async () => {
  expect(await referrersOf(client, 'systems', 'id', [1], ['evidence'])).toEqual([
    { table: '"Odd names"', refersTo: 'systems', rows: 1 },
    { table: 'parts', refersTo: 'systems', rows: 1 },
    { table: 'tickets', refersTo: 'systems', rows: 2 },
  ])
})

it('keys of several columns lead to the rows of a system', async () => {
  expect(await referrersOf(client, 'evidence', 'system_id', [2], [])).toEqual([
    { table: 'proofs', refersTo: 'evidence', rows: 2 },
  ])
})

it('tables that are left out, and those without such rows, are not named', async () => {
  expect(await referrersOf(client, 'systems', 'id', [3], [])).toEqual([])
  const found = await referrersOf(client, 'systems', 'id', [1, 2], ['tickets', '"Odd names"', 'parts'])
  expect(found).toEqual([{ table: 'evidence', refersTo: 'systems', rows: 2 }])
})

it('a table that does not exist has none', async () => {
  expect(await referrersOf(client, 'not_there', 'id', [1], [])).toEqual([])
})
