// etcd's own API, through its JSON gateway.

/** Compacts all revisions up to now, and waits until they are removed from disk. */
export async function compactEtcd(port: number): Promise<void> {
  const status = await call(port, 'maintenance/status', {})
  const { revision } = (status as { header: { revision: string } }).header
  await call(port, 'kv/compaction', { revision, physical: true })
}

/** etcd accepts 128 operations per request by default. */
const OPERATIONS = 128

/** Stores values under keys directly in etcd; the API server watches them like any others. */
export async function putIntoEtcd(port: number, entries: ReadonlyMap<string, string>): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const puts = [...entries].map(([key, value]) => ({
    requestPut: { key: base64(key), value: base64(value) },
  }))
  for (let from = 0; from < puts.length; from += OPERATIONS) {
    await call(port, 'kv/txn', { success: puts.slice(from, from + OPERATIONS) })
  }
}

async function call(port: number, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  const text = await response.text()
  // Nothing was written since the last compaction, so the revision is compacted already.
  if (!response.ok && !text.includes('has been compacted')) throw new Error(`etcd ${path}: ${text}`)
  return JSON.parse(text)
}
