import { expect, it } from 'vitest'
import { listControls } from '../../../job-image/library/controls.ts'
import { createDatabase } from '../../support/database.ts'
import { seedWorld } from '../../support/world.ts'

const { client } = await createDatabase()
await seedWorld(client, { systems: 0, controls: ['AC-2', 'AC-02(01)', 'AU-2'] })

it('every control is listed by row id, with the framework of its catalog, the withdrawn ones too', async () => {
  await client.query(`UPDATE controls SET attributes = '{"withdrawn": true}' WHERE control_id = 'AU-2'`)
  const controls = await listControls(client)
  expect(controls.map(({ id }) => id)).toEqual(controls.map(({ id }) => id).sort((a, b) => a - b))
  expect(controls).toMatchObject([
    { controlId: 'AC-2', framework: 'nist-800-53-rev5', family: 'AC', active: true, requirements: [] },
    { controlId: 'AC-02(01)', framework: 'nist-800-53-rev5', active: true },
    { controlId: 'AU-2', framework: 'nist-800-53-rev5', active: false },
  ])
})
