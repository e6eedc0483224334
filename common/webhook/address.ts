import { lookup as systemLookup } from 'node:dns/promises'
import type { LookupAddress } from 'node:dns'
import { BlockList, isIPv6 } from 'node:net'
import type { LookupFunction } from 'node:net'
import { DeliveryError } from './failure.ts'

/** All addresses of a name, as `dns.promises.lookup(name, { all: true })`. */
export type Lookup = (host: string) => Promise<LookupAddress[]>

type Subnet = readonly [network: string, prefix: number]

/**
 * Addresses that are refused whatever the configuration allows: this host as "any" (0/8, ::), link-local with the
 * metadata services of clouds, protocol assignments, documentation, benchmarks, multicast, reserved (IANA's
 * registries of special-purpose addresses, RFC 6890), and metadata services at other addresses.
 */
const NEVER_4: readonly Subnet[] = [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Alibaba Cloud's and Azure's.
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
]
const NEVER_6: readonly Subnet[] = [
  ['::', 128],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['100:0:0:1::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  // The metadata services of Amazon, Google, Oracle, Scaleway, Alibaba and Linode. Only Amazon keeps a range to itself:
  // the networks around the other addresses may be anybody's.
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
  ['fd00:c1::a9fe:a9fe', 128],
  ['fd00:42::42', 128],
  ['fd00:100::100:200', 128],
  ['fd00:a9fe:a9fe::1', 128],
]

/** Loopback, RFC 1918, carrier-grade NAT (RFC 6598), unique local (RFC 4193). */
const PRIVATE_4: readonly Subnet[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
]
const PRIVATE_6: readonly Subnet[] = [
  ['::1', 128],
  ['fc00::', 7],
]

/**
 * Forms of an IPv4 address in IPv6: mapped, translated (RFC 2765), compatible, NAT64, 6to4. An address that is
 * refused is refused in these forms as well. (NAT64 itself is no more private than the address in it: behind DNS64
 * every webhook has such an address.)
 */
const DISGUISES: readonly { readonly bits: number; readonly of: (high: string, low: string) => string }[] = [
  { bits: 96, of: (high, low) => `::ffff:${high}:${low}` },
  { bits: 96, of: (high, low) => `::ffff:0:${high}:${low}` },
  { bits: 96, of: (high, low) => `::${high}:${low}` },
  { bits: 96, of: (high, low) => `64:ff9b::${high}:${low}` },
  { bits: 16, of: (high, low) => `2002:${high}:${low}::` },
]

function blockList(four: readonly Subnet[], six: readonly Subnet[]): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of six) list.addSubnet(network, prefix, 'ipv6')
  for (const [network, prefix] of four) {
    list.addSubnet(network, prefix, 'ipv4')
    const [a = 0, b = 0, c = 0, d = 0] = network.split('.').map(Number)
    const [high, low] = [a * 256 + b, c * 256 + d].map((part) => part.toString(16)) as [string, string]
    for (const { bits, of } of DISGUISES) list.addSubnet(of(high, low), bits + prefix, 'ipv6')
  }
  return list
}

const NEVER = blockList(NEVER_4, NEVER_6)
const PRIVATE = blockList(PRIVATE_4, PRIVATE_6)

// It lies in the IPv4-compatible form of 0.0.0.0/8 as well, and is not that.
const LOOPBACK_6 = blockList([], [['::1', 128]])

/** `never` and `private` addresses are refused; the latter can be allowed. */
export function addressKind(address: string): 'public' | 'private' | 'never' {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  // The zone of a scoped address (fe80::1%eth0) is no part of its number.
  const plain = address.replace(/%.*$/, '')
  if (LOOPBACK_6.check(plain, family)) return 'private'
  if (NEVER.check(plain, family)) return 'never'
  return PRIVATE.check(plain, family) ? 'private' : 'public'
}

const everyAddress: Lookup = (host) => systemLookup(host, { all: true })

/**
 * Returns the permitted addresses of `host`. They are resolved once, and the connection uses exactly these
 * (`pinned`): a second lookup could answer differently (DNS rebinding). Literal addresses in a URL are checked the
 * same way. Rejects with a DeliveryError if none is left.
 */
export async function allowedAddresses(
  host: string,
  allowPrivate: boolean,
  lookup: Lookup = everyAddress,
): Promise<LookupAddress[]> {
  const found = await lookup(host)
  const kinds = found.map(({ address }) => addressKind(address))
  const allowed = found.filter(
    (_, index) => kinds[index] === 'public' || (allowPrivate && kinds[index] === 'private'),
  )
  if (allowed.length > 0) return allowed
  const hint = kinds.includes('private') && !allowPrivate
  const why = hint
    ? 'is at a private address; if that is meant, set "allow_private_addresses: true" (of the operator: NOTIFY_ALLOW_PRIVATE_ADDRESSES=true)'
    : 'is at an address where no receiver may be (link-local, metadata service, multicast, reserved)'
  throw new DeliveryError(`${host}: ${found.length === 0 ? 'has no address' : why}`)
}

/** A lookup function for `net.connect` that returns these addresses for any name. */
export function pinned(addresses: readonly LookupAddress[]): LookupFunction {
  return (_host, { all }, callback) => {
    const [first] = addresses
    if (all === true) callback(null, [...addresses])
    else callback(null, first?.address ?? '', first?.family)
  }
}
