// The event log, read as a consumer of the network reads it: frame by frame, each commit verified
// alone, undone, and applied to the repository that the ones before it gave.

import { MST, MemoryBlockstore, Repo, readCarWithRoot, verifyDiffCar } from '../lib/reference.mjs'
import lexicons from '@atproto/sync/dist/firehose/lexicons.js'
import sync from '@atproto/sync'
import xrpcServer from '@atproto/xrpc-server'
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export async function checkEvents(tally, carrack, { store, folder, did, key, written, model }) {
  const frames = mkdtempSync(join(folder, 'frames-'))
  carrack.output(['events', store, '--frames', frames])
  const consumer = new Consumer(tally, did, key, written)
  for (const file of readdirSync(frames).sort()) {
    const name = `event ${Number.parseInt(file, 10)}`
    await tally.attempt(name, () => consumer.take(name, readFileSync(join(frames, file))))
  }
  tally.same('events: kinds at the start', consumer.kinds.slice(0, 3), ['#identity', '#account', '#commit'])
  tally.same('events: commits', consumer.commits, written.length + 1)
  const contents = await consumer.repo.getContents()
  const paths = Object.entries(contents).flatMap(([name, keys]) => Object.keys(keys).map((key) => `${name}/${key}`))
  tally.same('events: paths after all of them', paths.sort(), [...model.keys()].sort())
}

class Consumer {
  kinds = []
  commits = 0
  repo = null
  seq = 0

  constructor(tally, did, key, written) {
    this.tally = tally
    this.did = did
    this.key = key
    this.written = new Map(written.map((line) => [line.commit, line]))
  }

  async take(name, bytes) {
    const frame = xrpcServer.Frame.fromBytes(bytes)
    this.tally.check(`${name}: is a message`, frame.isMessage())
    this.tally.check(`${name}: encodes to the same bytes`, Buffer.compare(frame.toBytes(), bytes) === 0)
    this.kinds.push(frame.header.t)
    const event = { $type: `com.atproto.sync.subscribeRepos${frame.header.t}`, ...frame.body }
    lexicons.isValidRepoEvent(event)
    this.tally.check(`${name}: seq rises`, event.seq > this.seq)
    this.seq = event.seq
    this.tally.same(`${name}: account`, event.repo ?? event.did, this.did)
    if (lexicons.isCommit(event)) await this.commit(name, event)
    if (lexicons.isSync(event)) this.tally.same(`${name}: sync`, (await sync.parseSync(event)).event, 'sync')
    if (lexicons.isAccount(event)) this.tally.same(`${name}: account`, sync.parseAccount(event).active, true)
  }

  async commit(name, event) {
    this.commits += 1
    this.sameAsWritten(name, event)
    const { root, blocks } = await readCarWithRoot(event.blocks)
    this.tally.same(`${name}: root`, root.toString(), event.commit.toString())
    await this.eachOp(name, event)
    await this.undo(name, event, blocks)
    await this.apply(name, event, blocks)
  }

  sameAsWritten(name, event) {
    const line = this.written.get(event.commit.toString())
    if (!line) {
      this.tally.same(`${name}: only the first was not written here`, [this.commits, event.since], [1, null])
      return
    }
    const ops = event.ops.map((op) => [op.action, op.path, op.cid?.toString() ?? null, op.prev?.toString() ?? null])
    const wanted = line.ops.map((op) => [op.action, op.path, op.cid ?? null, op.prev ?? null])
    this.tally.same(`${name}: ops`, ops, wanted)
    const fields = [event.seq, event.rev, event.since, event.prevData.toString()]
    this.tally.same(`${name}: fields`, fields, [line.seq, line.rev, line.since, line.prev_data])
  }

  // Signature, and each op against the tree.
  async eachOp(name, event) {
    const resolver = { did: { resolveAtprotoKey: async () => this.key } }
    const found = await sync.parseCommitAuthenticated(resolver, event)
    const told = found.map((op) => [op.event, `${op.collection}/${op.rkey}`, op.cid?.toString() ?? null])
    const wanted = event.ops.map((op) => [op.action, op.path, op.cid?.toString() ?? null])
    this.tally.same(`${name}: ops that verify`, told, wanted)
  }

  // The frame alone has to be enough to undo the ops, in whatever order a follower does it.
  async undo(name, event, blocks) {
    if (!event.prevData) return
    for (const [order, ops] of orders(event.ops)) {
      const undone = await this.tally.attempt(`${name}: undo ${order}`, () => undo(event, blocks, ops))
      this.tally.same(`${name}: the tree before, ${order}`, undone, event.prevData.toString())
    }
  }

  async apply(name, event, blocks) {
    const diff = await verifyDiffCar(this.repo, event.blocks, this.did, this.key)
    const writes = diff.writes.map((write) => [write.action, `${write.collection}/${write.rkey}`])
    const wanted = event.ops.map((op) => [op.action, op.path])
    this.tally.same(`${name}: writes of the diff`, writes.sort(byPath), wanted.sort(byPath))
    const storage = this.repo?.storage ?? new MemoryBlockstore()
    await storage.putMany(blocks)
    this.repo = await Repo.load(storage, event.commit)
    this.tally.same(`${name}: rev`, this.repo.commit.rev, event.rev)
  }
}

const byPath = ([, a], [, b]) => (a < b ? -1 : 1)

function orders(ops) {
  const path = (a, b) => (a.path < b.path ? -1 : 1)
  const deletesFirst = (a, b) => (b.action === 'delete') - (a.action === 'delete') || path(a, b)
  return [
    ['from the last path', [...ops].sort(path).reverse()],
    ['from the first path', [...ops].sort(path)],
    ['deletes first', [...ops].sort(deletesFirst)],
    ['deletes last', [...ops].sort(deletesFirst).reverse()],
  ]
}

async function undo(event, blocks, ops) {
  const storage = new MemoryBlockstore(blocks)
  const { data } = await Repo.load(storage, event.commit)
  let tree = MST.load(storage, await data.getPointer())
  for (const op of ops) {
    if (op.action === 'create') tree = await tree.delete(op.path)
    else if (op.action === 'update') tree = await tree.update(op.path, op.prev)
    else tree = await tree.add(op.path, op.prev)
  }
  return (await tree.getPointer()).toString()
}
