/** A process that lays out a network with a peer, says who is in it, and waits to be killed: for the test of the rig. */
import { openNetwork } from './rig/network.js'

const { agent, peer } = await openNetwork({
  cables: [{ name: 'v0', addresses: ['10.9.0.1/24'], peer: ['10.9.0.2/24'] }],
})
process.stdout.write(`${JSON.stringify([agent.pid, peer.pid])}\n`)
