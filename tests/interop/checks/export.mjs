// A full export, verified and read by the reference implementation.

import { lex, readCarWithRoot, recordCid, verifyRepoCar, MemoryBlockstore, Repo } from '../lib/reference.mjs'
import { encode } from '@atproto/lex-cbor'

export async function checkExport(tally, name, { car, did, key, model, data, commit }) {
  const verified = await tally.attempt(`${name}: verifyRepoCar`, () => verifyRepoCar(car, did, key))
  if (!verified) return undefined
  tally.same(`${name}: commit`, verified.commit.cid.toString(), commit)
  const found = new Map(verified.creates.map((made) => [`${made.collection}/${made.rkey}`, made.cid.toString()]))
  const wanted = new Map()
  for (const [path, record] of model) wanted.set(path, (await recordCid(record)).toString())
  const sorted = (map) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
  tally.same(`${name}: paths and CIDs`, sorted(found), sorted(wanted))

  const { root, blocks } = await readCarWithRoot(car)
  const repo = await Repo.load(new MemoryBlockstore(blocks), root)
  tally.same(`${name}: version`, repo.commit.version, 3)
  tally.same(`${name}: root of the tree`, (await repo.data.getPointer()).toString(), data)
  let records = 0
  for await (const { collection, rkey, record } of repo.walkRecords()) {
    records += 1
    const wanted = model.get(`${collection}/${rkey}`)
    const same = wanted && Buffer.compare(encode(record), encode(lex(wanted))) === 0
    tally.check(`${name}: record ${collection}/${rkey}`, same)
  }
  tally.same(`${name}: records`, records, model.size)
  await tally.refused(`${name}: another account`, () => verifyRepoCar(car, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', key))
  const otherKey = 'did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme'
  await tally.refused(`${name}: another key`, () => verifyRepoCar(car, did, otherKey))
  return repo
}
