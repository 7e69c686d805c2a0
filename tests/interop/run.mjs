// Checks what carrack writes, and what it reads, with the reference implementation's packages.
//
//   node tests/interop/run.mjs [--bin target/release/carrack] [--commits 300] [--seed 1]
//
// Prints each failure and, last, "N passed, N failed".

import { Carrack } from './lib/carrack.mjs'
import { Dice, commits } from './lib/dice.mjs'
import { Tally } from './lib/tally.mjs'
import { Tree } from './lib/reference.mjs'
import { checkEvents } from './checks/events.mjs'
import { checkExport } from './checks/export.mjs'
import { checkForeign } from './checks/foreign.mjs'
import { checkProofs } from './checks/proofs.mjs'
import { checkSince } from './checks/since.mjs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const { values: options } = parseArgs({
  options: {
    bin: { type: 'string', default: join(root, 'target/release/carrack') },
    commits: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
  },
})
const carrack = new Carrack(resolve(options.bin))
const tally = new Tally()
const folder = mkdtempSync(join(tmpdir(), 'carrack-interop-'))
const PARTS = 4

async function account(curve, seed) {
  const did = `did:plc:${curve}aaaaaaaaaaaaaaaaaaaa`
  const [store, keyFile] = [join(folder, `${curve}.redb`), join(folder, `${curve}.key`)]
  const key = carrack.output(['key', 'new', keyFile, '--curve', curve]).toString().trim()
  carrack.output(['create', store, did, '--key-file', keyFile])
  const dice = new Dice(seed)
  const [model, tree] = [new Map(), await Tree.empty()]
  const [written, past, gone] = [[], [], []]
  for (let part = 0; part < PARTS; part += 1) {
    const planned = [...commits(dice, Math.ceil(Number(options.commits) / PARTS), model)]
    const input = planned.map((ops) => JSON.stringify({ ops })).join('\n')
    const lines = carrack.lines(['write', store, did, '--key-file', keyFile], input)
    tally.same(`${curve}: commits of part ${part}`, lines.length, planned.length)
    for (const [number, line] of lines.entries()) {
      for (const op of planned[number]) await tree.apply(op)
      tally.same(`${curve}: tree after ${line.commit}`, line.data, await tree.root())
    }
    written.push(...lines)
    gone.push(...planned.flat().filter((op) => op.action === 'delete' && !model.has(op.path)).slice(0, 3).map((op) => op.path))
    const { data, commit, rev } = lines.at(-1)
    const car = carrack.file(['export', store, did], join(folder, `${curve}-${part}.car`))
    await checkExport(tally, `${curve}: export ${part}`, { car, did, key, model, data, commit })
    past.push({ rev, car, model: new Map(model) })
  }
  console.log(`${curve}: ${written.length} commits, ${written.flatMap((line) => line.ops).length} ops, ${model.size} records`)
  await checkProofs(tally, carrack, { store, folder, did, key, model, dice, gone })
  await checkSince(tally, carrack, { store, folder, did, key, model, past })
  if (carrack.has('events')) await checkEvents(tally, carrack, { store, folder, did, key, written, model })
  else console.log('left out: this carrack has no events')
  await checkForeign(tally, carrack, { folder, did, curve, dice, count: 60 })
}

const start = Date.now()
try {
  for (const [number, curve] of ['k256', 'p256'].entries()) {
    await tally.attempt(`account on ${curve}`, () => account(curve, Number(options.seed) + number))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`seed ${options.seed}, ${((Date.now() - start) / 1000).toFixed(1)} s`)
console.log(tally.summary())
process.exitCode = tally.failed === 0 ? 0 : 1
