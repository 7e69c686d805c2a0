// The other way: a repository that the reference implementation wrote is verified, imported,
// written to under another key, and handed back.

import { MemoryBlockstore, Repo, collect, claim, getFullRepo, getRecords, lex } from '../lib/reference.mjs'
import { checkExport } from './export.mjs'
import { commits } from '../lib/dice.mjs'
import crypto from '@atproto/crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export async function checkForeign(tally, carrack, { folder, did, curve, dice, count }) {
  const Keypair = curve === 'k256' ? crypto.Secp256k1Keypair : crypto.P256Keypair
  const keypair = await Keypair.create()
  const key = keypair.did()
  const model = new Map()
  let repo = await Repo.create(new MemoryBlockstore(), did, keypair)
  for (const ops of commits(dice, count, model)) {
    // Its store drops a block with the first of the paths that hold it: no record may be there twice.
    for (const op of ops) if (op.record) op.record.at = op.path
    const writes = ops.map(({ action, path, record }) => ({ action, ...claim(path), record: record && lex(record) }))
    repo = await repo.applyWrites(writes, keypair)
  }
  const [file, store] = [join(folder, `foreign-${curve}.car`), join(folder, `foreign-${curve}.redb`)]
  writeFileSync(file, await collect(getFullRepo(repo.storage, repo.cid)))
  const data = (await repo.data.getPointer()).toString()

  const report = carrack.json(['verify', '--key', key, '--did', did, file])
  const facts = [report.verdict, report.signature, report.records, report.data, report.rev, report.commit]
  tally.same('foreign: verify', facts, ['valid', 'valid', model.size, data, repo.commit.rev, repo.cid.toString()])
  await foreignProofs(tally, carrack, { repo, folder, did, key, model, dice })

  tally.same('foreign: import', carrack.json(['import', store, file, '--key', key]).data, data)
  const export_ = () => carrack.file(['export', store, did], join(folder, 'foreign-export.car'))
  await checkExport(tally, 'foreign: export', { car: export_(), did, key, model, data, commit: repo.cid.toString() })

  const keyFile = join(folder, `foreign-${curve}.key`)
  const newKey = carrack.output(['key', 'new', keyFile]).toString().trim()
  const lines = [...commits(dice, 40, model)].map((ops) => JSON.stringify({ ops })).join('\n')
  const written = carrack.lines(['write', store, did, '--key-file', keyFile, '--rekey'], lines)
  const head = written.at(-1)
  await checkExport(tally, 'foreign: written to', { car: export_(), did, key: newKey, model, data: head.data, commit: head.commit })
}

// Slices by the reference implementation, which carrack has to read as proofs.
async function foreignProofs(tally, carrack, { repo, folder, did, key, model, dice }) {
  const file = join(folder, 'foreign-proof.car')
  const held = [...model.keys()]
  for (const path of [...Array.from({ length: 8 }, () => dice.pick(held)), 'a.b.c/self', dice.path(), dice.path()]) {
    const { collection, rkey } = claim(path)
    writeFileSync(file, await collect(getRecords(repo.storage, repo.cid, [{ collection, rkey }])))
    const report = carrack.json(['verify', '--proof', path, '--key', key, '--did', did, file])
    tally.same(`foreign: proof of ${path.slice(0, 80)}`, [report.verdict, report.proof?.present], ['valid', model.has(path)])
  }
}
