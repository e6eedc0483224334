// A node of the test cluster: containerd, kubelet and kube-proxy in a separate network, which a link joins to the machine.
// Pods reach the machine at `address`, and the machine reaches the node.
import { randomInt } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { CoreV1Api } from '@kubernetes/client-node'
import { stringify } from 'yaml'
import { kubeconfig } from '../control-plane/access.ts'
import type { ClusterAccess } from '../control-plane/access.ts'
import { PooledKubeConfig } from '../control-plane/client.ts'
import { until } from '../control-plane/until.ts'
import { openSandbox } from '../containers/sandbox.ts'
import type { Sandbox } from '../containers/sandbox.ts'

/** The programs that a node needs in addition to those of the engine. */
export const NODE_PACKAGES = {
  'containernetworking-plugins': '/usr/lib/cni/bridge',
  iptables: '/usr/sbin/iptables',
  conntrack: '/usr/sbin/conntrack',
}

/** The addresses of a node and of the machine in the network between them. */
export type Link = {
  /** The machine's address, on which it listens for pods. */
  readonly address: string
  readonly node: string
  readonly pods: string
}

export type Node = {
  readonly name: string
  /** The socket of containerd, for `ctr`. */
  readonly containerd: string
  /** The node's directory, removed with it. */
  readonly directory: string
  stop(): Promise<void>
}

/** The link between node and machine. It is made first because the API server needs the machine's address on it. */
export type OpenLink = Link & { readonly sandbox: Sandbox }

const NAME = 'node1'

export async function openLink(): Promise<OpenLink> {
  const link = freeLink()
  const sandbox = openSandbox({ network: true })
  // An interface's name has at most 15 characters.
  const device = `rrmf${link.address.split('.')[1]}`
  sandbox.run(`
on_machine() { nsenter --net=/proc/self/fd/9 -- "$@"; }
for module in overlay br_netfilter; do modprobe "$module" || true; done
on_machine ip link add ${device} type veth peer name eth0 netns 1
on_machine ip address add ${link.address}/24 dev ${device}
on_machine ip link set ${device} up
ip link set lo up
ip address add ${link.node}/24 dev eth0
ip link set eth0 up
ip route add default via ${link.address}
echo 1 > /proc/sys/net/ipv4/ip_forward
# The kubelet sets these for the whole machine; here it sets files of its own.
mkdir "${sandbox.directory}/kernel"
for each in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  file="${sandbox.directory}/kernel/$(basename "$each")"
  cat "/proc/sys/$each" > "$file"
  mount --bind "$file" "/proc/sys/$each"
done`)
  await until('the link to the node', () => (addresses().includes(link.address) ? true : undefined)).catch(
    async (error: unknown) => {
      const tail = sandbox.logTail('shell')
      await sandbox.close()
      throw new Error(`no link to the node: ${tail}`, { cause: error })
    },
  )
  return { ...link, sandbox }
}

/** Starts a node. `programs`: the folder of kubelet and kube-proxy. `pause`: the image that holds a pod's namespaces. */
export async function startNode(
  { sandbox, ...link }: OpenLink,
  access: ClusterAccess,
  { programs, pause }: { readonly programs: string; readonly pause: string },
): Promise<Node> {
  const { directory } = sandbox
  const path = (name: string): string => join(directory, name)
  const write = (name: string, content: string): string => {
    writeFileSync(path(name), content, { mode: 0o600 })
    return path(name)
  }
  const containerd = path('containerd.sock')
  mkdirSync(path('cni'))
  write('cni/bridge.conflist', JSON.stringify(network(link, directory)))
  sandbox.start('containerd', 'containerd', [
    `--config=${write('containerd.toml', containerdConfig(directory, containerd, pause))}`,
  ])
  sandbox.start('kubelet', join(programs, 'kubelet'), [
    `--config=${write('kubelet.yaml', stringify(kubeletConfig(link, sandbox, containerd)))}`,
    `--kubeconfig=${write('kubelet.kubeconfig', nodeKubeconfig(access, link, { name: `system:node:${NAME}`, groups: ['system:nodes'] }))}`,
    `--root-dir=${path('kubelet')}`,
    `--cert-dir=${path('kubelet-certificates')}`,
    `--hostname-override=${NAME}`,
    `--node-ip=${link.node}`,
  ])
  sandbox.start('kube-proxy', join(programs, 'kube-proxy'), [
    `--kubeconfig=${write('proxy.kubeconfig', nodeKubeconfig(access, link, { name: 'system:kube-proxy' }))}`,
    '--proxy-mode=iptables',
    `--cluster-cidr=${link.pods}`,
    `--hostname-override=${NAME}`,
    // kube-proxy would change settings of the whole machine.
    '--conntrack-max-per-core=0',
    '--conntrack-min=0',
  ])
  const core = PooledKubeConfig.from(kubeconfig(access)).makeApiClient(CoreV1Api)
  await until(
    'the node to be ready',
    async () => {
      const { items } = await core.listNode()
      const ready = items[0]?.status?.conditions?.find(({ type }) => type === 'Ready')
      return ready?.status === 'True' ? true : undefined
    },
    { timeoutMs: 120_000, intervalMs: 250 },
  ).catch(async (error: unknown) => {
    const tail = ['shell', 'containerd', 'kubelet'].map((name) => `${name}:\n${sandbox.logTail(name)}`)
    await sandbox.close()
    throw new Error([(error as Error).message, ...tail].join('\n'), { cause: error })
  })
  return { name: NAME, containerd, directory, stop: () => sandbox.close() }
}

function addresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
}

/** Chooses a free subnet, because several clusters may run at the same time. */
function freeLink(): Link {
  for (;;) {
    const prefix = `10.${randomInt(128, 240)}`
    if (!addresses().some((address) => address.startsWith(`${prefix}.`))) {
      return { address: `${prefix}.0.1`, node: `${prefix}.0.2`, pods: `${prefix}.1.0/24` }
    }
  }
}

function nodeKubeconfig(
  access: ClusterAccess,
  { address }: Link,
  user: { readonly name: string; readonly groups?: readonly string[] },
): string {
  const { port } = new URL(access.server)
  return kubeconfig({ ...access, server: `https://${address}:${port}` }, user)
}

function network({ pods }: Link, directory: string): object {
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: pods }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: join(directory, 'addresses'),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }
}

function containerdConfig(directory: string, socket: string, pause: string): string {
  return `version = 2
root = "${directory}/containerd/root"
state = "${directory}/containerd/state"
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pause}"
  netns_mounts_under_state_dir = true
  # Lowering a score takes a capability that not every machine's root has.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${directory}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`
}

function kubeletConfig({ node }: Link, { directory, cgroup }: Sandbox, socket: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: node,
    // The port can be reached only from this machine and its pods.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: `unix://${socket}`,
    volumePluginDir: join(directory, 'volume-plugins'),
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    serializeImagePulls: false,
    maxPods: 200,
    resolvConf: '',
    // With the default limits tests would wait for the kubelet.
    kubeAPIQPS: 200,
    kubeAPIBurst: 400,
    registryPullQPS: 0,
    eventRecordQPS: 0,
  }
}
