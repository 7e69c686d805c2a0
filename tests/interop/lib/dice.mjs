// Commits that a seed determines: creates, updates and deletes over several collections.

const COLLECTIONS = [
  'app.bsky.feed.like',
  'app.bsky.feed.post',
  'app.bsky.graph.follow',
  'com.example.oddKeys',
  'com.example.deeply.nested.namespace.collectionWithALongName',
]
const DIGITS = '234567abcdefghijklmnopqrstuvwxyz'
const WORDS = ['ahoy', 'harbour', 'tide', 'салют', '波', '🌊', 'e\u0301', 'lantern', '']
const RAW_CID = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'
const CBOR_CID = 'bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua'

export class Dice {
  constructor(seed) {
    this.state = BigInt.asUintN(64, BigInt(seed))
  }

  // SplitMix64, below `limit`.
  roll(limit) {
    this.state = BigInt.asUintN(64, this.state + 0x9e3779b97f4a7c15n)
    let z = this.state
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
    return Number((z ^ (z >> 31n)) % BigInt(limit))
  }

  pick(list) {
    return list[this.roll(list.length)]
  }

  text(length, alphabet = DIGITS) {
    return Array.from({ length }, () => alphabet[this.roll(alphabet.length)]).join('')
  }

  path() {
    const collection = this.pick(COLLECTIONS)
    if (collection !== 'com.example.oddKeys') return `${collection}/3k${this.text(11)}`
    const key = this.pick([
      () => 'self',
      () => this.text(1 + this.roll(3), 'aZ09-_~:.'),
      () => this.text(512, 'aZ09-_~:.'),
      () => `prefix-shared-by-many-keys-${this.roll(50)}`,
    ])()
    return `${collection}/${key === '.' || key === '..' ? 'dot' : key}`
  }

  record(path) {
    const $type = path.split('/')[0]
    const record = { $type, createdAt: `2026-01-01T00:00:${10 + this.roll(50)}.000Z` }
    if (this.roll(2)) record.text = Array.from({ length: this.roll(40) }, () => this.pick(WORDS)).join(' ')
    if (this.roll(3) === 0) record.number = this.pick([0, -1, 23, 24, 255, 65536, 2 ** 40, Number.MAX_SAFE_INTEGER, -(2 ** 33)])
    if (this.roll(4) === 0) record.list = [null, true, [], {}, { $link: CBOR_CID }, this.roll(9)]
    if (this.roll(5) === 0) record.bytes = { $bytes: Buffer.from(this.text(this.roll(30))).toString('base64').replace(/=+$/, '') }
    if (this.roll(5) === 0) {
      record.blob = { $type: 'blob', mimeType: 'image/png', size: 9, ref: { $link: RAW_CID } }
    }
    if (this.roll(60) === 0) record.long = 'salt '.repeat(8000 + this.roll(5000))
    if (this.roll(12) === 0) for (let n = 0; n < 30; n += 1) record[this.text(1 + this.roll(30))] = n
    return record
  }
}

// Plans commits against `model`, a map from path to record that it changes as it goes.
export function* commits(dice, count, model) {
  for (let number = 0; number < count; number += 1) {
    const size = dice.roll(12) === 0 ? 20 + dice.roll(100) : 1 + dice.roll(4)
    // Sometimes everything goes, up to what one commit takes.
    const sweep = dice.roll(60) === 0
    const ops = new Map()
    for (let tries = 0; tries < (sweep ? 200 : size); tries += 1) {
      const op = sweep ? removal(dice, model) : change(dice, model)
      if (op && !ops.has(op.path)) ops.set(op.path, op)
    }
    if (ops.size === 0) continue
    for (const op of ops.values()) {
      if (op.action === 'delete') model.delete(op.path)
      else model.set(op.path, op.record)
    }
    yield [...ops.values()]
  }
}

function change(dice, model) {
  const held = [...model.keys()]
  const kind = dice.roll(10)
  if (held.length > 0 && kind < 2) {
    const path = dice.pick(held)
    return { action: 'update', path, record: { ...dice.record(path), changed: dice.roll(1e9) } }
  }
  if (kind < 4) return removal(dice, model)
  const path = dice.path()
  return model.has(path) ? undefined : { action: 'create', path, record: dice.record(path) }
}

function removal(dice, model) {
  const held = [...model.keys()]
  return held.length > 0 ? { action: 'delete', path: dice.pick(held) } : undefined
}
