// The reference implementation's packages, and what is built from them.

import atprotoRepo from '@atproto/repo'
import lexData from '@atproto/lex-data'
import lexJson from '@atproto/lex-json'

export const {
  BlockMap, MST, MemoryBlockstore, Repo, WriteOpAction, cidForRecord, getFullRepo,
  getRecords, readCarWithRoot, verifyDiffCar, verifyProofs, verifyRecords, verifyRepoCar,
} = atprotoRepo

export const parseCid = (text) => lexData.parseCid(text)

// A record as the packages hold it.
export const lex = (json) => lexJson.jsonToLex(json)

export const recordCid = (json) => cidForRecord(lex(json))

export function claim(path, cid) {
  const [collection, rkey] = path.split('/')
  return { collection, rkey, cid }
}

// A tree that is kept up to date op by op.
export class Tree {
  static async empty() {
    const tree = new Tree()
    tree.mst = await MST.create(new MemoryBlockstore())
    return tree
  }

  async apply(op) {
    if (op.action === 'delete') {
      this.mst = await this.mst.delete(op.path)
      // The package's tree remembers its layer when its last entry goes, and would put the next
      // one below a root without entries, which no tree of the specification has.
      if ((await this.mst.leafCount()) === 0) this.mst = await MST.create(new MemoryBlockstore())
    } else {
      const cid = await recordCid(op.record)
      this.mst = await (op.action === 'create' ? this.mst.add(op.path, cid) : this.mst.update(op.path, cid))
    }
  }

  async root() {
    return (await this.mst.getPointer()).toString()
  }
}

export async function collect(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}
