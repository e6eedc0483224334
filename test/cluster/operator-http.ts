// Reads the metrics and probes of an operator process.

export async function isReady(url: string): Promise<true | undefined> {
  const answer = await fetch(`${url}/readyz`).catch(() => undefined)
  return answer?.status === 200 ? true : undefined
}

/** The value of one series, by its name with labels as in `/metrics`; NaN if it does not exist. */
export async function metric(url: string, series: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const line = text.split('\n').find((line) => line.startsWith(`${series} `))
  return Number(line?.slice(series.length))
}
