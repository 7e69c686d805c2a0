// Diffs since a revision, applied to the repository as it was then.

import { MemoryBlockstore, Repo, readCarWithRoot, recordCid, verifyDiffCar } from '../lib/reference.mjs'
import { join } from 'node:path'

export async function checkSince(tally, carrack, { store, folder, did, key, model, past }) {
  if (carrack.run(['export', store, did, '--since', past[0].rev]).err.includes('cannot export what changed since')) {
    console.log('left out: this carrack has no diffs')
    return
  }
  const sizes = []
  for (const { rev, car, model: before } of past) {
    const name = `since ${rev}`
    const diff = await tally.attempt(name, () =>
      carrack.file(['export', store, did, '--since', rev], join(folder, 'diff.car')))
    if (!diff) continue
    sizes.push(diff.length)
    const { root, blocks } = await readCarWithRoot(car)
    const old = await Repo.load(new MemoryBlockstore(blocks), root)
    const verified = await tally.attempt(`${name}: verifyDiffCar`, () => verifyDiffCar(old, diff, did, key))
    if (!verified) continue
    const writes = verified.writes.map((write) => `${write.action} ${write.collection}/${write.rkey} ${write.cid ?? ''}`)
    tally.same(`${name}: writes`, writes.sort(), await difference(before, model))
  }
  tally.check('since: a later revision needs no more', sizes.every((size, n) => n === 0 || size <= sizes[n - 1]), String(sizes))
}

async function difference(before, after) {
  const lines = []
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(path), after.get(path)]
    const cid = now && (await recordCid(now)).toString()
    if (!now) lines.push(`delete ${path} ${(await recordCid(old)).toString()}`)
    else if (!old) lines.push(`create ${path} ${cid}`)
    else if ((await recordCid(old)).toString() !== cid) lines.push(`update ${path} ${cid}`)
  }
  return lines.sort()
}
