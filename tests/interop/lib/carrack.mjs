// Runs the binary.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export class Carrack {
  constructor(binary) {
    this.binary = binary
  }

  run(args, input) {
    const done = spawnSync(this.binary, args, { input, maxBuffer: 1 << 30 })
    if (done.error) throw done.error
    return { code: done.status, out: done.stdout, err: done.stderr.toString() }
  }

  // The output of a run that has to succeed.
  output(args, input) {
    const { code, out, err } = this.run(args, input)
    if (code !== 0) throw new Error(`carrack ${args.join(' ')}: exit ${code}: ${err}`)
    return out
  }

  json(args) {
    const { out, err } = this.run([...args, '--json'])
    try {
      return JSON.parse(out.toString())
    } catch {
      throw new Error(`carrack ${args.join(' ')}: no JSON: ${err}`)
    }
  }

  lines(args, input) {
    const lines = this.output(args, input).toString().split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line))
  }

  // Whether there is such a command.
  has(command) {
    return this.run([command, '--help']).code === 0
  }

  file(args, path) {
    this.output([...args, '-o', path])
    return new Uint8Array(readFileSync(path))
  }
}
