// What an operator that runs as a process says of itself.

export async function isReady(url: string): Promise<true | undefined> {
  const answer = await fetch(`${url}/readyz`).catch(() => undefined)
  return answer?.status === 200 ? true : undefined
}

/** The value of one series, by its name with its labels as `/metrics` has them; NaN without it. */
export async function metric(url: string, series: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const line = text.split('\n').find((line) => line.startsWith(`${series} `))
  return Number(line?.slice(series.length))
}
