// Proofs of paths that are there and of paths that are not.

import { claim, parseCid, recordCid, verifyProofs, verifyRecords } from '../lib/reference.mjs'
import { join } from 'node:path'

export async function checkProofs(tally, carrack, { store, folder, did, key, model, dice, gone }) {
  const held = [...model.keys()]
  const paths = new Set()
  while (paths.size < Math.min(25, held.length)) paths.add(dice.pick(held))
  for (const path of gone) paths.add(path)
  for (let number = 0; number < 12; number += 1) paths.add(dice.path())
  // Neighbours of what is there, and collections before the first and behind the last.
  for (const path of held.slice(0, 6)) paths.add(`${path.slice(0, 500)}-`)
  for (const path of ['a.b.c/self', 'zz.zz.zz/self']) paths.add(path)
  for (const path of paths) await checkProof(tally, carrack, path, { store, folder, did, key, model })
}

async function checkProof(tally, carrack, path, { store, folder, did, key, model }) {
  const name = `proof of ${path.slice(0, 80)}`
  const car = await tally.attempt(name, () => carrack.file(['proof', store, did, path], join(folder, 'proof.car')))
  if (!car) return
  const record = model.get(path)
  const cid = record ? await recordCid(record) : null
  const other = parseCid('bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua')
  const outcome = async (cid) => {
    const { verified, unverified } = await verifyProofs(car, [claim(path, cid)], did, key)
    return [verified.length, unverified.length]
  }
  await tally.attempt(`${name}: read`, async () => {
    tally.same(`${name}: what is`, await outcome(cid), [1, 0])
    tally.same(`${name}: what is not`, await outcome(other), [0, 1])
    tally.same(`${name}: the opposite`, await outcome(cid ? null : other), [0, 1])
  })
  const records = (await tally.attempt(`${name}: verifyRecords`, () => verifyRecords(car, did, key))) ?? []
  const found = records.filter(({ collection, rkey }) => `${collection}/${rkey}` === path)
  tally.same(`${name}: record`, found.length, record ? 1 : 0)
}
