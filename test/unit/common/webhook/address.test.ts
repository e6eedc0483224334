import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressKind, allowedAddresses, pinned } from '../../../../common/webhook/address.ts'

describe('the kind of an address', () => {
  it.each([
    ['93.184.215.14', 'public'],
    ['2606:2800:21f:cb07:6820:80da:af6b:8b2c', 'public'],
    ['127.0.0.1', 'private'],
    ['127.255.255.255', 'private'],
    ['::1', 'private'],
    ['0:0:0:0:0:0:0:1', 'private'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12:3456::1', 'private'],
    ['fc00::1', 'private'],
    ['0.0.0.0', 'never'],
    ['::', 'never'],
    ['169.254.169.254', 'never'],
    ['169.254.1.1', 'never'],
    ['fe80::1', 'never'],
    ['fe80::1%eth0', 'never'],
    ['fd00:ec2::254', 'never'],
    ['FD00:EC2::254', 'never'],
    ['fd20:ce::254', 'never'],
    ['fd20:ce::253', 'private'],
    ['fd00:c1::a9fe:a9fe', 'never'],
    ['fd00:42::42', 'never'],
    ['fd00:100::100:200', 'never'],
    ['fd00:a9fe:a9fe::1', 'never'],
    ['192.88.99.1', 'never'],
    ['2001::1', 'never'],
    ['2001:10::1', 'never'],
    ['2001:20::1', 'never'],
    ['2001:200::1', 'public'],
    ['2001:db8::1', 'never'],
    ['3fff::1', 'never'],
    ['5f00::1', 'never'],
    ['100.100.100.200', 'never'],
    ['168.63.129.16', 'never'],
    ['192.0.0.192', 'never'],
    ['224.0.0.1', 'never'],
    ['255.255.255.255', 'never'],
    ['ff02::1', 'never'],
    // The same in disguise.
    ['::ffff:127.0.0.1', 'private'],
    ['::ffff:7f00:1', 'private'],
    ['::ffff:169.254.169.254', 'never'],
    ['::ffff:0:7f00:1', 'private'],
    ['::ffff:0:169.254.169.254', 'never'],
    ['64:ff9b::a9fe:a9fe', 'never'],
    ['64:ff9b::10.0.0.1', 'private'],
    ['64:ff9b::5db8:d70e', 'public'],
    ['2002:7f00:1::', 'private'],
    ['2002:a9fe:a9fe::1', 'never'],
    ['::10.0.0.1', 'private'],
  ])('%s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind)
  })

  it('is the same however IPv6 writes an IPv4 address', () => {
    const v4 = fc.ipV4().filter((address) => addressKind(address) !== 'public')
    fc.assert(
      fc.property(v4, (address) => {
        const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
        const [high, low] = [(a * 256 + b).toString(16), (c * 256 + d).toString(16)]
        const forms = [
          `::ffff:${high}:${low}`,
          `::ffff:0:${high}:${low}`,
          `64:ff9b::${high}:${low}`,
          `2002:${high}:${low}::1`,
        ]
        for (const form of forms) expect([form, addressKind(form)]).toEqual([form, addressKind(address)])
      }),
    )
  })
})

const at =
  (...addresses: string[]) =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

describe('the addresses of a name that may be connected to', () => {
  it('are the public ones alone', async () => {
    const found = await allowedAddresses('mixed.example', false, at('10.0.0.1', '93.184.215.14', 'fd00::1'))
    expect(found).toEqual([{ address: '93.184.215.14', family: 4 }])
  })

  it('are none when all are private, and it says what to do', async () => {
    await expect(allowedAddresses('inside.example', false, at('10.0.0.1', '::1'))).rejects.toThrow(
      'inside.example: is at a private address; if that is meant, set "allow_private_addresses: true"',
    )
  })

  it('are never those of a metadata service, also where private ones are allowed', async () => {
    expect(await allowedAddresses('inside.example', true, at('169.254.169.254', '10.0.0.1'))).toHaveLength(1)
    await expect(allowedAddresses('inside.example', true, at('169.254.169.254'))).rejects.toThrow(
      /where no receiver may be/,
    )
  })

  it('are none where there are none', async () => {
    await expect(allowedAddresses('gone.example', true, at())).rejects.toThrow('has no address')
  })

  it('are what a connection gets, whatever name it asks for', () => {
    const addresses = [
      { address: '93.184.215.14', family: 4 },
      { address: '2606:2800::1', family: 6 },
    ]
    const answers: unknown[] = []
    pinned(addresses)('rebound.example', { all: true }, (...answer) => answers.push(answer))
    pinned(addresses)('rebound.example', {}, (...answer) => answers.push(answer))
    expect(answers).toEqual([
      [null, addresses],
      [null, '93.184.215.14', 4],
    ])
  })
})
