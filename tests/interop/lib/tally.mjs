// Counts what was checked, and says what failed.

export class Tally {
  passed = 0
  failed = 0

  check(name, ok, why = '') {
    if (ok) {
      this.passed += 1
    } else {
      this.failed += 1
      console.log(`FAILED ${name}${why ? `: ${why}` : ''}`)
    }
    return ok
  }

  same(name, got, wanted) {
    const [a, b] = [got, wanted].map((value) => JSON.stringify(value) ?? 'undefined')
    return this.check(name, a === b, `got ${a.slice(0, 300)}, not ${b.slice(0, 300)}`)
  }

  // Fails if `work` throws; gives what it returns.
  async attempt(name, work) {
    try {
      const result = await work()
      this.passed += 1
      return result
    } catch (error) {
      this.check(name, false, String(error?.stack ?? error).split('\n').slice(0, 4).join('\n'))
      return undefined
    }
  }

  // Passes only if `work` throws.
  async refused(name, work) {
    try {
      await work()
    } catch {
      this.passed += 1
      return
    }
    this.check(name, false, 'was accepted')
  }

  summary() {
    return `${this.passed} passed, ${this.failed} failed`
  }
}
