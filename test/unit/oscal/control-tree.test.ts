import { expect, test } from 'vitest'
import { controlsOf, pickedControls, prunedOutline } from '../../../job-image/oscal/control-tree.ts'
import type { ControlNode, GroupNode, OutlineNode } from '../../../job-image/oscal/control-tree.ts'
import { drawn } from './fixtures/documents.ts'

function control(id: string, ...children: ControlNode[]): ControlNode {
  const rest = { framework: 'letters', title: id, withdrawn: false, parent: undefined, group: undefined }
  return { kind: 'control', control: { id, canonical: id, ...rest }, children }
}

function group(id: string, ...children: OutlineNode[]): GroupNode {
  return { kind: 'group', id, title: `Group ${id}`, children }
}

const tree = [
  group(
    'a',
    control('a1', control('a1.1', control('a1.1.1')), control('a1.2')),
    group('inner', control('a2')),
  ),
  group('b', control('b1')),
  control('c1'),
]

const ids = (nodes: readonly ControlNode[]): string[] => nodes.map((node) => node.control.id)

const picked = (...wanted: string[]) => ({
  tree,
  picks: new Set(controlsOf(tree).filter((node) => wanted.includes(node.control.id))),
})

test('the controls of a structure come depth first, those of nested groups and controls too', () => {
  expect(ids(controlsOf(tree))).toEqual(['a1', 'a1.1', 'a1.1.1', 'a1.2', 'a2', 'b1', 'c1'])
  expect(controlsOf([])).toEqual([])
})

test('chosen controls come in the order of the structure', () => {
  expect(ids(pickedControls(picked('c1', 'a1.2', 'a1')))).toEqual(['a1', 'a1.2', 'c1'])
})

test('a control that occurs twice is chosen by its node, not by its id', () => {
  const [first, second] = [control('a1'), control('a1')]
  const part = { tree: [first, second], picks: new Set([second]) }
  expect(pickedControls(part)).toEqual([second])
  expect(pickedControls(part)[0]).toBe(second)
})

test.each([
  [['a1', 'a1.1', 'a1.1.1', 'a1.2', 'a2', 'b1', 'c1'], '[a1(a1.1(a1.1.1) a1.2) [a2]] [b1] c1'],
  [['a1', 'a1.1.1'], '[a1(a1.1.1)]'],
  [['a1.1.1', 'a1.2'], '[a1.1.1 a1.2]'],
  [['a2'], '[[a2]]'],
  [['c1'], 'c1'],
  [[], ''],
])('of the chosen controls %j, the structure %s is left', (wanted, text) => {
  expect(drawn(prunedOutline(picked(...wanted)))).toBe(text)
})

test('a group that is left keeps its id and title', () => {
  expect(prunedOutline(picked('b1'))[0]).toMatchObject({ kind: 'group', id: 'b', title: 'Group b' })
})
